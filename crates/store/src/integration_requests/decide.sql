-- Decides about an open request, once. $1 the request, $2 what becomes of it, $3 answer or words, $4 who, $5 to $8 the audit.
WITH decided AS (
    UPDATE integration_requests AS q
    SET state = $2, answer = $3, decided_by = $4, decided_at = app_now(), changed_at = app_now(),
        telling = 'queued', not_before = app_now()
    FROM integrations AS i
    WHERE q.id = $1 AND q.state = 'requested' AND q.expires_at > app_now()
      AND i.id = q.integration_id AND i.withdrawn_at IS NULL
    RETURNING q.id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $5, $6, $7, $8, app_now() FROM decided
