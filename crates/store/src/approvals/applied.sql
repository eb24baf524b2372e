-- What was approved is done, or is given up: the lease's last word. When it was the last request that its run waited for,
-- the run goes on. $1 the request, $2 its lease, $3 what became of it, $4 why it is not done, $5 and $6 labels that the
-- run has put on and off by it, $7 to $11 the audit, $12 what came of it.
WITH held AS (
    SELECT id, run_id FROM approvals WHERE id = $1 AND lease_token = $2 AND state = 'applying'
), locked AS (
    SELECT a.id, held.id AS request FROM agent_runs AS a JOIN held ON held.run_id = a.id FOR UPDATE OF a
), settled AS (
    UPDATE approvals
    SET state = $3, outcome = $4, result = $12, settled_at = app_now(), lease_expires_at = NULL
    FROM locked WHERE approvals.id = locked.request AND lease_token = $2 AND state = 'applying'
    RETURNING run_id
), run AS (
    UPDATE agent_runs
    SET requests_open = requests_open - 1,
        labels_set = labels_after(labels_set, $5, $6),
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $11),
        changed_at = app_now(),
        version = version + 1
    FROM settled
    WHERE agent_runs.id = settled.run_id
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $7, id, flow_seq, $8, $9, correlation_id, $10, flow_head, app_now() FROM run
)
SELECT id FROM run
