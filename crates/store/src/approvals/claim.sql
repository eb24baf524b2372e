-- Leases the approved action that waits longest to be done, or one whose worker is gone. $1 worker, $2 seconds.
WITH next AS (
    SELECT p.id FROM approvals AS p
    WHERE p.state IN ('approved', 'applying') AND p.not_before <= app_now()
      AND (p.lease_expires_at IS NULL OR p.lease_expires_at < app_now())
    ORDER BY p.decided_at
    LIMIT 1
    FOR UPDATE OF p SKIP LOCKED
), leased AS (
    UPDATE approvals AS p
    SET state = 'applying', lease_owner = $1, lease_token = p.lease_token + 1,
        lease_expires_at = app_now() + make_interval(secs => $2)
    FROM next WHERE p.id = next.id
    RETURNING p.*
)
SELECT leased.id AS "id!", leased.run_id AS "run_id!", leased.asked AS "asked!: Json<Asked>",
       leased.begun AS "begun!", leased.attempts AS "attempts!", leased.lease_token AS "lease_token!",
       a.repository_id AS "repository_id!", a.pr_number
FROM leased JOIN agent_runs AS a ON a.id = leased.run_id
