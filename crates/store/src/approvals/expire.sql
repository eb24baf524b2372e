-- Closes one request that nobody answered in time, the oldest first, and lets its run go on when it was the last one that
-- the run waited for. $1 to $5 the audit, whose entry names the run alone.
WITH due AS (
    SELECT id, run_id FROM approvals WHERE state = 'requested' AND expires_at <= app_now() ORDER BY expires_at LIMIT 1
), locked AS (
    SELECT a.id, due.id AS request FROM agent_runs AS a JOIN due ON due.run_id = a.id FOR UPDATE OF a
), expired AS (
    UPDATE approvals SET state = 'expired', decided_at = app_now()
    FROM locked WHERE approvals.id = locked.request AND run_id = locked.id AND state = 'requested'
    RETURNING run_id
), run AS (
    UPDATE agent_runs
    SET requests_open = requests_open - 1,
        status = CASE WHEN status = 'waiting_mcp' AND requests_open = 1 THEN 'pending' ELSE status END,
        not_before = CASE WHEN status = 'waiting_mcp' AND requests_open = 1 THEN app_now() ELSE not_before END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $5),
        changed_at = app_now(),
        version = version + 1
    FROM expired
    WHERE agent_runs.id = expired.run_id
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $1, id, flow_seq, $2, $3, correlation_id, $4, flow_head, app_now() FROM run
)
SELECT id FROM run
