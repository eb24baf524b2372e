-- Leases one run that is due, or whose last owner went silent. The token grows with every claim and each later write
-- quotes it; launches and attempts are counted elsewhere, so a takeover costs none.
WITH next AS (
    SELECT id, status FROM agent_runs
    WHERE (status = 'pending' AND not_before <= app_now())
       OR (status = 'running' AND lease_expires_at <= app_now())
    ORDER BY priority DESC, queued_at, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), run AS (
    UPDATE agent_runs AS run
    SET status = 'running',
        claimed_at = COALESCE(claimed_at, app_now()),
        lease_owner = $1,
        lease_token = run.lease_token + 1,
        lease_expires_at = app_now() + make_interval(secs => $2),
        flow_seq = run.flow_seq + 1,
        flow_head = flow_hash(run.flow_head, run.flow_seq + 1, app_now(),
                              CASE WHEN next.status = 'pending' THEN $6::bytea ELSE $7::bytea END),
        changed_at = app_now(),
        version = version + 1
    FROM next
    WHERE run.id = next.id
    RETURNING run.id, run.lease_token, run.correlation_id, run.flow_seq, run.flow_head,
              next.status = 'pending' AS was_pending
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $3, id, flow_seq, CASE WHEN was_pending THEN 'run.claimed' ELSE 'run.taken_over' END, $4, correlation_id,
           $5, flow_head, app_now()
    FROM run
)
SELECT id, lease_token FROM run
