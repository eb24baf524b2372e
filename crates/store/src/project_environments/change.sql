-- Changes an environment whose version is still the one that was read. $1 id, $2 that version, $3 kind, $4 and $5 whether
-- secrets are synced and databases made there, $6 who, $7 to $10 the audit.
WITH changed AS (
    UPDATE project_environments
    SET kind = $3, allows_secrets = $4, allows_databases = $5, changed_by = $6, changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND version = $2 AND removed_at IS NULL
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $7, $8, $9, $10, app_now() FROM changed
