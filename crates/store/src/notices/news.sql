-- How many of a person's notifications are unread, and which is the newest. $1 viewer, $2 sees everything.
SELECT (SELECT count(*)
        FROM notifications AS w
        JOIN notices AS n ON n.id = w.notice_id
        JOIN agent_runs AS a ON a.id = n.run_id
        LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = $1
        WHERE w.user_id = $1 AND w.read_at IS NULL AND ($2 OR m.role IS NOT NULL)) AS "unread!",
       (SELECT notice_id FROM notifications WHERE user_id = $1 ORDER BY at DESC, notice_id DESC LIMIT 1) AS newest
