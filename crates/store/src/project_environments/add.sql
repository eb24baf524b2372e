-- Gives a project an environment. $1 id, $2 project, $3 name, $4 kind, $5 whether secrets are synced there, $6 who, $7 to
-- $10 the audit.
WITH added AS (
    INSERT INTO project_environments (id, project_id, name, kind, allows_secrets, changed_by)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $7, $8, $9, $10, app_now() FROM added
