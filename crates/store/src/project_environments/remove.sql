-- Takes an environment from its project. $1 id, $2 who, $3 to $6 the audit.
WITH removed AS (
    UPDATE project_environments SET removed_at = app_now(), changed_by = $2, changed_at = app_now(), version = version + 1
    WHERE id = $1 AND removed_at IS NULL
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $3, $4, $5, $6, app_now() FROM removed
