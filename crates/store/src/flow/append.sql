-- Moves the chain's head and appends the event in one statement; the same event id a second time changes nothing.
WITH run AS (
    UPDATE agent_runs
    SET flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $6),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND NOT EXISTS (SELECT FROM flow_events WHERE id = $2)
    RETURNING id, flow_seq, flow_head, correlation_id
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT $2, id, flow_seq, $3, $4, correlation_id, $5, flow_head, app_now() FROM run
