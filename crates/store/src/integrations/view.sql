-- Integrations as people see them, by name. $1 project, $2 one of them.
SELECT i.id, i.project_id, i.name, i.asks AS "asks: Vec<Coded<OutsideKind>>", COALESCE(made.login, '') AS "created_by!",
       i.created_at, i.used_at,
       (SELECT count(*) FROM integration_requests AS q
        WHERE q.integration_id = i.id AND q.state = 'requested' AND q.expires_at > app_now()) AS "open!"
FROM integrations AS i
JOIN users AS made ON made.id = i.created_by
WHERE i.withdrawn_at IS NULL AND ($1::uuid IS NULL OR i.project_id = $1) AND ($2::uuid IS NULL OR i.id = $2)
ORDER BY lower(i.name), i.id
