-- Changes an environment whose version is still the one that was read. $1 id, $2 that version, $3 kind, $4 whether secrets
-- are synced there, $5 who, $6 to $9 the audit.
WITH changed AS (
    UPDATE project_environments
    SET kind = $3, allows_secrets = $4, changed_by = $5, changed_at = app_now(), version = version + 1
    WHERE id = $1 AND version = $2 AND removed_at IS NULL
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $6, $7, $8, $9, app_now() FROM changed
