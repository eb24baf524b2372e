-- An integration is withdrawn; what it asked keeps its name. $1 id, $2 to $5 the audit.
WITH withdrawn AS (
    UPDATE integrations SET withdrawn_at = app_now() WHERE id = $1 AND withdrawn_at IS NULL RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $2, $3, $4, $5, app_now() FROM withdrawn
