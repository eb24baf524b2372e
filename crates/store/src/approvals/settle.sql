-- Settles an open request: somebody answers the one that is meant, or one that nobody answered in time is closed, the
-- oldest first. When it was the last one that its run waited for, the run goes on. The run's row is locked first, as by
-- everything that ends a run. $1 the request; NULL: one whose time is over. $2 the answer, $3 who, $4 to $8 the audit.
WITH meant AS (
    SELECT id, run_id FROM approvals
    WHERE state = 'requested' AND ($1::uuid IS NULL OR id = $1) AND (expires_at > app_now()) = ($1 IS NOT NULL)
    ORDER BY expires_at LIMIT 1
), locked AS (
    SELECT a.id, meant.id AS request FROM agent_runs AS a JOIN meant ON meant.run_id = a.id FOR UPDATE OF a
), settled AS (
    UPDATE approvals
    SET state = CASE WHEN $1 IS NULL THEN 'expired' ELSE 'answered' END, answer = $2, decided_by = $3,
        decided_at = app_now()
    FROM locked WHERE approvals.id = locked.request AND state = 'requested'
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
    FROM settled
    WHERE agent_runs.id = settled.run_id
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $4, id, flow_seq, $5, $6, correlation_id, $7, flow_head, app_now() FROM run
)
SELECT id FROM run
