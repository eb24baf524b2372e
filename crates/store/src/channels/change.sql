-- A channel is changed, if it is still as it was read; what is NULL stays. $1 id, $2 that version, $3 name, $4 address, $5
-- language, $6 seconds, $7 for whom it speaks, $8 whether it is asked, $9 who, $10 to $13 the audit.
WITH changed AS (
    UPDATE channels
    SET name = COALESCE($3, name), url = COALESCE($4, url), locale = COALESCE($5, locale),
        timeout_seconds = COALESCE($6, timeout_seconds), speaks_for = COALESCE($7, speaks_for),
        enabled = COALESCE($8, enabled), changed_by = $9, changed_at = app_now(), version = version + 1
    WHERE id = $1 AND version = $2 AND removed_at IS NULL
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $10, $11, $12, $13, app_now() FROM changed
