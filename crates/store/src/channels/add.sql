-- A project gets a channel. $1 id, $2 project, $3 kind, $4 name, $5 address, $6 language, $7 seconds, $8 for whom it speaks,
-- $9 who, $10 to $13 the audit.
WITH made AS (
    INSERT INTO channels (id, project_id, kind, name, url, locale, timeout_seconds, speaks_for, created_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $10, $11, $12, $13, app_now() FROM made
