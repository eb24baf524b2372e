-- Forgets notices that are too old, with what everybody was told of them. $1 seconds, $2 how many at once.
WITH old AS (
    SELECT id FROM notices
    WHERE at < app_now() - make_interval(secs => $1)
    ORDER BY at LIMIT $2
    FOR UPDATE SKIP LOCKED
), told AS (
    DELETE FROM notifications USING old WHERE notice_id = old.id
)
DELETE FROM notices USING old WHERE notices.id = old.id
