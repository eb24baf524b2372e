-- What the agent says it is doing, and the call in its audit; nothing when the launch is not the current one any more.
WITH run AS (
    UPDATE agent_runs
    SET last_words = $3,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $8),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND launch = $2 AND status = 'running'
    RETURNING id, flow_seq, flow_head, correlation_id
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT $4, id, flow_seq, $5, $6, correlation_id, $7, flow_head, app_now() FROM run
