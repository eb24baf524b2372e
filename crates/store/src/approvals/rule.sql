-- Somebody else than before has to approve an open request. $1 the request, $2 who, $3 who says so, $4 to $8 the audit.
WITH ruled AS (
    UPDATE approvals SET mode = $2, ruling = $3 WHERE id = $1 AND state = 'requested' RETURNING run_id
), run AS (
    UPDATE agent_runs
    SET flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $8),
        changed_at = app_now(),
        version = version + 1
    FROM ruled
    WHERE agent_runs.id = ruled.run_id
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $4, id, flow_seq, $5, $6, correlation_id, $7, flow_head, app_now() FROM run
)
SELECT id FROM run
