-- Closes the oldest request about which nobody decided in time, or whose integration was withdrawn. $1 to $4 the audit.
WITH due AS (
    SELECT q.id, q.integration_id
    FROM integration_requests AS q JOIN integrations AS i ON i.id = q.integration_id
    WHERE q.state = 'requested' AND (q.expires_at <= app_now() OR i.withdrawn_at IS NOT NULL)
    ORDER BY q.expires_at LIMIT 1
    FOR UPDATE OF q SKIP LOCKED
), expired AS (
    UPDATE integration_requests AS q
    SET state = 'expired', decided_at = app_now(), changed_at = app_now(), telling = 'queued', not_before = app_now()
    FROM due WHERE q.id = due.id
    RETURNING q.id, q.integration_id
), flow AS (
    INSERT INTO flow_events (id, kind, actor, data, at)
    SELECT $1, $2, $3, $4::jsonb || jsonb_build_object('request', id, 'integration', integration_id), app_now() FROM expired
)
SELECT id FROM expired
