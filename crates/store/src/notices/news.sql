-- How many of a person's notifications are unread, which is the newest, and when something last happened to what systems of
-- others ask in projects that they manage. $1 viewer, $2 sees everything.
SELECT (SELECT count(*)
        FROM notifications AS w
        JOIN notices AS n ON n.id = w.notice_id
        LEFT JOIN agent_runs AS a ON a.id = n.run_id
        LEFT JOIN integration_requests AS o ON o.id = n.integration_request_id
        LEFT JOIN project_members AS m ON m.project_id = COALESCE(a.project_id, o.project_id) AND m.user_id = $1
        WHERE w.user_id = $1 AND w.read_at IS NULL
          AND ($2 OR m.role = 'admin' OR (m.role IS NOT NULL AND n.integration_request_id IS NULL))) AS "unread!",
       (SELECT notice_id FROM notifications WHERE user_id = $1 ORDER BY at DESC, notice_id DESC LIMIT 1) AS newest,
       (SELECT max(last.changed_at)
        FROM projects AS t
        LEFT JOIN project_members AS m ON m.project_id = t.id AND m.user_id = $1
        CROSS JOIN LATERAL (SELECT o.changed_at FROM integration_requests AS o WHERE o.project_id = t.id
                            ORDER BY o.changed_at DESC LIMIT 1) AS last
        WHERE $2 OR m.role = 'admin') AS outside
