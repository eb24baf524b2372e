-- A run's current launch tries a host that it may not reach: people are asked, unless they are already, they had their
-- time, they said no for good, or too much of the run is open. What they decided before and does not hold any more is asked
-- anew. $1 run, $2 launch, $3 id, $4 host, $5 seconds that people have, $6 how many
-- questions of a run may be open, $7 to $11 the audit.
WITH again AS (
    UPDATE egress_requests SET tries = tries + 1 WHERE run_id = $1 AND host = $4 AND decision IS NULL RETURNING id
), run AS (
    UPDATE agent_runs
    SET flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $11),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND launch = $2 AND status = 'running'
      AND NOT EXISTS (SELECT FROM again)
      AND NOT host_is_refused(project_id, $4)
      AND NOT $4 = ANY (egress_hosts(project_id, role, id))
      AND (SELECT count(*) FROM egress_requests AS r
           WHERE r.run_id = $1 AND r.decision IS NULL AND r.expires_at > app_now()) < $6::int
    RETURNING id, project_id, role, correlation_id, flow_seq, flow_head
), asked AS (
    INSERT INTO egress_requests (id, run_id, project_id, role, host, expires_at)
    SELECT $3, id, project_id, role, $4, app_now() + make_interval(secs => $5) FROM run
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT $7, id, flow_seq, $8, $9, correlation_id, $10, flow_head, app_now() FROM run
