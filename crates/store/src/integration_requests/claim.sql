-- Leases the request whose other side waits longest to be told, or whose worker is gone: what that one heard is lost.
-- $1 seconds.
WITH next AS (
    SELECT q.id FROM integration_requests AS q
    WHERE q.telling = 'queued' AND q.not_before <= app_now()
      AND (q.lease_expires_at IS NULL OR q.lease_expires_at < app_now())
    ORDER BY q.not_before
    LIMIT 1
    FOR UPDATE OF q SKIP LOCKED
)
UPDATE integration_requests AS q
SET lease_token = q.lease_token + 1, lease_expires_at = app_now() + make_interval(secs => $1),
    answer_lost = q.answer_lost OR q.lease_expires_at IS NOT NULL
FROM next WHERE q.id = next.id
RETURNING q.id, q.lease_token, q.attempts, q.answer_lost, q.correlation_id, q.asked AS "asked: Json<Asked>", q.callback_sealed,
          q.state AS "state: Coded<OutsideState>", q.answer AS "answer: Json<Answer>"
