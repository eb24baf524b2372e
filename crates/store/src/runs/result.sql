WITH run AS (
    UPDATE agent_runs
    SET reported_outcome = $3,
        reported_reason = $4,
        reported_detail = $5,
        reported_launch = $2,
        last_word = COALESCE($6, last_word),
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $11),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND launch = $2 AND status = 'running' AND reported_launch IS DISTINCT FROM $2
    RETURNING id, correlation_id, flow_seq, flow_head
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT $7, id, flow_seq, $8, $9, correlation_id, $10, flow_head, app_now() FROM run
