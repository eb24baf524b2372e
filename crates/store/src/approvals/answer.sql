-- Answers a request that is open, and lets its run go on when it was the last one that the run waited for. The run's row
-- is locked first, as by everything that ends a run. $1 id, $2 answer, $3 who, $4 to $8 the audit.
WITH locked AS (
    SELECT a.id FROM agent_runs AS a WHERE a.id = (SELECT run_id FROM approvals WHERE id = $1) FOR UPDATE
), answered AS (
    UPDATE approvals SET state = 'answered', answer = $2, decided_by = $3, decided_at = app_now()
    FROM locked
    WHERE approvals.id = $1 AND run_id = locked.id AND state = 'requested' AND expires_at > app_now()
    RETURNING run_id
), run AS (
    UPDATE agent_runs
    SET requests_open = requests_open - 1,
        status = CASE WHEN status = 'waiting_mcp' AND requests_open = 1 THEN 'pending' ELSE status END,
        not_before = CASE WHEN status = 'waiting_mcp' AND requests_open = 1 THEN app_now() ELSE not_before END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $8),
        changed_at = app_now(),
        version = version + 1
    FROM answered
    WHERE agent_runs.id = answered.run_id
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $4, id, flow_seq, $5, $6, correlation_id, $7, flow_head, app_now() FROM run
)
SELECT id FROM run
