-- Leases one run whose last owner went silent, or else one that is due and for which its role, its project and the
-- platform have a place, the oldest first. A project without a place delays nobody else: its runs are passed over, and so
-- are those that would meet a limit of their model. The token grows with every claim and each later write quotes it;
-- launches and attempts are counted elsewhere, so a takeover costs none. The clock of a run that was parked goes on.
WITH silent AS (
    SELECT a.id, a.status, a.role_slot, a.project_slot, a.platform_slot FROM agent_runs AS a
    WHERE a.status = 'running' AND a.lease_expires_at <= app_now()
    ORDER BY a.lease_expires_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), waiting AS (
    SELECT a.id, a.status, free.of_role, free.of_project, free.of_platform
    FROM agent_runs AS a
    CROSS JOIN LATERAL free_slots(a) AS free
    WHERE waits_for_claim(a.status) AND a.not_before <= app_now()
      AND NOT EXISTS (SELECT FROM silent)
      AND (a.launch_open OR model_limited_until(a.model) IS NULL)
      AND free.of_role IS NOT NULL AND free.of_project IS NOT NULL AND free.of_platform IS NOT NULL
    ORDER BY a.priority DESC, a.queued_at, a.id
    LIMIT 1
    FOR UPDATE OF a SKIP LOCKED
), next AS (
    SELECT * FROM silent UNION ALL SELECT * FROM waiting
), run AS (
    UPDATE agent_runs AS run
    SET status = 'running',
        claimed_at = COALESCE(claimed_at, app_now()),
        lease_owner = $1,
        lease_token = run.lease_token + 1,
        lease_expires_at = app_now() + make_interval(secs => $2),
        role_slot = next.role_slot,
        project_slot = next.project_slot,
        platform_slot = next.platform_slot,
        deadline_at = COALESCE(app_now() + run.time_left, run.deadline_at),
        time_left = NULL,
        parked_by = NULL,
        parked_at = NULL,
        parked_detail = NULL,
        flow_seq = run.flow_seq + 1,
        flow_head = flow_hash(run.flow_head, run.flow_seq + 1, app_now(),
                              CASE next.status WHEN 'pending' THEN $6::bytea WHEN 'running' THEN $7::bytea
                                               ELSE $8::bytea END),
        changed_at = app_now(),
        version = version + 1
    FROM next
    WHERE run.id = next.id
    RETURNING run.id, run.lease_token, run.correlation_id, run.flow_seq, run.flow_head,
              next.status AS was
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $3, id, flow_seq, CASE was WHEN 'pending' THEN 'run.claimed' WHEN 'running' THEN 'run.taken_over'
                                         ELSE 'run.resumed' END,
           $4, correlation_id, $5, flow_head, app_now()
    FROM run
)
SELECT id, lease_token FROM run
