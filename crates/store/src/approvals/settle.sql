-- Decides an open request: somebody decides about the one that is meant, or one that nobody decided about in time is
-- closed, the oldest first. When nothing more becomes of it and it was the last one that its run waited for, the run goes
-- on. The run's row is locked first, as by everything that ends a run. $1 the request; NULL: one whose time is over. $2
-- what becomes of it, $3 answer or words, $4 who, $5 the digest that was approved, $6 to $10 the audit, $11 the channel's
-- request that the decision came by, which still has to be expected, $12 the sealed value, without which what wants one is
-- not approved, $13 who may approve an action, as whoever decides was told: a label may say another meanwhile.
WITH meant AS (
    SELECT id, run_id FROM approvals
    WHERE state = 'requested' AND ($1::uuid IS NULL OR id = $1) AND (expires_at > app_now()) = ($1 IS NOT NULL)
      AND ($1 IS NULL OR digest IS NOT DISTINCT FROM $5)
      AND ($11::uuid IS NULL OR EXISTS (SELECT FROM channel_requests AS q WHERE q.id = $11 AND q.state IN ('queued', 'asked')))
      AND ($2 <> 'approved' OR (asked #>> '{effect,policy}' IS NOT DISTINCT FROM 'provided') = ($12::bytea IS NOT NULL))
    ORDER BY expires_at LIMIT 1
), locked AS (
    SELECT a.id, meant.id AS request FROM agent_runs AS a JOIN meant ON meant.run_id = a.id FOR UPDATE OF a
), settled AS (
    UPDATE approvals
    SET state = $2, answer = $3, decided_by = $4, decided_at = app_now(), value_sealed = $12,
        decided_through = (SELECT channel_id FROM channel_requests WHERE id = $11)
    FROM locked
    WHERE approvals.id = locked.request AND state = 'requested' AND ($13::text IS NULL OR mode = $13)
    RETURNING run_id, CASE WHEN request_is_over(state) THEN 1 ELSE 0 END AS over
), came_by AS (
    UPDATE channel_requests SET state = 'answered', ended_at = app_now() FROM settled WHERE channel_requests.id = $11
), run AS (
    UPDATE agent_runs
    SET requests_open = requests_open - over,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $10),
        changed_at = app_now(),
        version = version + 1
    FROM settled
    WHERE agent_runs.id = settled.run_id
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $6, id, flow_seq, $7, $8, correlation_id, $9, flow_head, app_now() FROM run
)
SELECT id FROM run
