-- The labels changed between the event and the launch: what they choose now counts.
WITH run AS (
    UPDATE agent_runs
    SET model = $3,
        effort = $4,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $9),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND lease_token = $2 AND status = 'running'
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $5, id, flow_seq, $6, $7, correlation_id, $8, flow_head, app_now() FROM run
)
SELECT id FROM run
