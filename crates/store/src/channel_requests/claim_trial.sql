-- Leases the test that waits longest to be sent, or whose worker is gone, and notes the try: its id and the hash of its
-- secret. $1 seconds, $2 the id, $3 the hash, $4 seconds that people have at most.
WITH next AS (
    SELECT q.id FROM channel_requests AS q
    WHERE q.request_id IS NULL AND q.state = 'queued' AND (q.lease_expires_at IS NULL OR q.lease_expires_at < app_now())
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
SELECT leased.id AS "id!", leased.lease_token AS "lease_token!", c.kind AS "kind!: Coded<ChannelKind>", c.url AS "url!",
       c.locale AS "locale!: Coded<Locale>", LEAST(c.timeout_seconds, $4) AS "timeout_seconds!", t.id AS "project_id!",
       t.name AS "project!", COALESCE(u.login, '') AS "by!"
FROM leased
JOIN channels AS c ON c.id = leased.channel_id
JOIN projects AS t ON t.id = c.project_id
JOIN users AS u ON u.id = leased.tried_by
