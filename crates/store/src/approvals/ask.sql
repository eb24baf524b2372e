-- A run's current launch asks people, once for each id, and the run's row counts it; what nobody has to approve is approved
-- with it. $1 run, $2 launch, $3 id, $4 kind, $5 tool, $6 what is asked, $7 seconds until it expires, $8 how many may be
-- open at once, $9 and $10 who has to approve an action and its digest, $11 to $15 the
-- audit, $16 who says who has to approve.
WITH run AS (
    UPDATE agent_runs
    SET requests_open = requests_open + 1,
        requests_asked = requests_asked + 1,
        requests_untold = requests_untold + 1,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $15),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND launch = $2 AND status = 'running' AND requests_open < $8
      AND NOT EXISTS (SELECT FROM approvals WHERE id = $3)
    RETURNING id, correlation_id, flow_seq, flow_head, requests_asked
), asked AS (
    INSERT INTO approvals (id, run_id, launch, kind, tool, asked, expires_at, mode, digest, number, state, decided_at,
                           ruling)
    SELECT $3, id, $2, $4, $5, $6, app_now() + make_interval(secs => $7), $9, $10, requests_asked,
           CASE WHEN $9 = 'none' THEN 'approved' ELSE 'requested' END, CASE WHEN $9 = 'none' THEN app_now() END,
           $16
    FROM run
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT $11, id, flow_seq, $12, $13, correlation_id, $14, flow_head, app_now() FROM run
