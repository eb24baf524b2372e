-- Marks one notification of a person, and all that they were told before it, as read; answers whether there is such a one.
-- $1 person, $2 the notification.
WITH last AS (
    SELECT at, notice_id FROM notifications WHERE user_id = $1 AND notice_id = $2
), read AS (
    UPDATE notifications AS w SET read_at = app_now()
    FROM last
    WHERE w.user_id = $1 AND w.read_at IS NULL AND (w.at, w.notice_id) <= (last.at, last.notice_id)
)
SELECT notice_id FROM last
