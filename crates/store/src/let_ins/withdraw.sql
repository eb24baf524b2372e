-- Leaves words out again. $1 id, $2 who, $3 to $6 the audit.
WITH withdrawn AS (
    UPDATE let_ins SET withdrawn_by = $2, withdrawn_at = app_now() WHERE id = $1 AND withdrawn_at IS NULL RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $3, $4, $5, $6, app_now() FROM withdrawn
