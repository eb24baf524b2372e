-- A system of others may ask a project's people. $1 id, $2 project, $3 name, $4 what it may ask, $5 the hash of its token, $6
-- who adds it, $7 to $10 the audit.
WITH made AS (
    INSERT INTO integrations (id, project_id, name, asks, token_hash, created_by)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $7, $8, $9, $10, app_now() FROM made
