-- Leases the request that waits longest to be asked through its channel, or whose worker is gone, and notes the try: its id
-- and the hash of its secret. $1 seconds, $2 the id, $3 the hash.
WITH next AS (
    SELECT q.id FROM channel_requests AS q
    WHERE q.request_id IS NOT NULL AND q.state = 'queued' AND q.not_before <= app_now()
      AND (q.lease_expires_at IS NULL OR q.lease_expires_at < app_now())
    ORDER BY q.not_before
    LIMIT 1
    FOR UPDATE OF q SKIP LOCKED
), leased AS (
    UPDATE channel_requests AS q
    SET lease_token = q.lease_token + 1, lease_expires_at = app_now() + make_interval(secs => $1)
    FROM next WHERE q.id = next.id
    RETURNING q.*
), try AS (
    INSERT INTO channel_tries (id, channel_request_id, secret_hash) SELECT $2, id, $3 FROM leased
)
SELECT leased.id AS "id!", leased.lease_token AS "lease_token!", leased.attempts AS "attempts!",
       c.kind AS "kind!: Coded<ChannelKind>", c.url AS "url!", c.locale AS "locale!: Coded<Locale>",
       LEAST(c.timeout_seconds, GREATEST(extract(epoch FROM p.expires_at - app_now())::int, 1)) AS "timeout_seconds!",
       p.id AS "request_id!", p.tool AS "tool!", p.asked AS "asked!: Json<Asked>", p.digest,
       p.mode AS "mode?: Coded<ApprovalMode>",
       a.id AS "run_id!", a.role AS "role!", a.stage AS "stage!: Coded<Stage>", a.subject_number AS "subject_number!",
       a.subject_title AS "subject_title!", a.subject_url AS "subject_url!", a.pr_number, a.pr_url,
       a.started_by_login AS "started_by!", r.full_name AS "repository!", t.name AS "project!"
FROM leased
JOIN channels AS c ON c.id = leased.channel_id
JOIN approvals AS p ON p.id = leased.request_id
JOIN agent_runs AS a ON a.id = p.run_id
JOIN repositories AS r ON r.id = a.repository_id
JOIN projects AS t ON t.id = a.project_id
