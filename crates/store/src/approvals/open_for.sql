-- How many requests are open that a person may decide about. $1 viewer, $2 sees everything.
SELECT (SELECT count(*)
        FROM approvals AS p
        JOIN agent_runs AS a ON a.id = p.run_id
        LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = $1
        WHERE p.state = 'requested'
          AND ($2 OR m.role = 'admin' OR (m.role = 'read_write' AND (CASE WHEN p.kind = 'question' THEN a.started_by = $1
                                                                   ELSE p.mode = 'delegated' END))))
     + (SELECT count(*)
        FROM integration_requests AS q
        LEFT JOIN project_members AS m ON m.project_id = q.project_id AND m.user_id = $1
        WHERE q.state = 'requested' AND ($2 OR m.role = 'admin')) AS "open!"
