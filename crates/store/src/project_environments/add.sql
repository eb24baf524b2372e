-- Gives a project an environment. $1 id, $2 project, $3 name, $4 kind, $5 and $6 whether secrets are synced and databases
-- made there, $7 who, $8 to $11 the audit.
WITH added AS (
    INSERT INTO project_environments (id, project_id, name, kind, allows_secrets, allows_databases, changed_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $8, $9, $10, $11, app_now() FROM added
