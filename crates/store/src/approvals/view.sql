-- Requests as people see them, newest first. $1 viewer, $2 sees everything, $3 one of them, $4 open or decided, $5 project,
-- $6 run, $7 and $8 the cursor, $9 the limit.
SELECT p.id, p.tool, p.asked AS "asked: Json<Asked>", p.state AS "state: Coded<ApprovalState>",
       p.answer AS "answer: Json<Answer>", d.login AS "decided_by?", through.name AS "decided_through?", p.outcome,
       p.mode AS "mode: Coded<ApprovalMode>", p.ruling AS "ruling: Json<Ruling>", p.digest, p.settled_at,
       p.decided_at, p.requested_at, p.expires_at, a.id AS run_id, a.project_id,
       t.name AS project_name, r.full_name AS repository_full_name, a.subject_number, a.subject_title, a.subject_url,
       a.stage AS "stage: Coded<Stage>", a.role, a.started_by_login, a.started_by,
       m.role AS "member_role?: Coded<ProjectRole>",
       (SELECT COALESCE(jsonb_agg(jsonb_build_object('name', c.name, 'kind', c.kind, 'state', q.state, 'trouble', q.trouble,
                                                     'at', COALESCE(q.ended_at, q.asked_at, q.created_at))
                                  ORDER BY c.name), '[]')
        FROM channel_requests AS q JOIN channels AS c ON c.id = q.channel_id
        WHERE q.request_id = p.id) AS "channels!: Json<Vec<AskedThrough>>"
FROM approvals AS p
JOIN agent_runs AS a ON a.id = p.run_id
JOIN projects AS t ON t.id = a.project_id
JOIN repositories AS r ON r.id = a.repository_id
LEFT JOIN users AS d ON d.id = p.decided_by
LEFT JOIN channels AS through ON through.id = p.decided_through
LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = $1
WHERE ($2 OR m.role IS NOT NULL)
  AND ($3::uuid IS NULL OR p.id = $3)
  AND ($4::boolean IS NULL OR (p.state = 'requested') = $4)
  AND ($5::uuid IS NULL OR a.project_id = $5)
  AND ($6::uuid IS NULL OR p.run_id = $6)
  AND ($7::timestamptz IS NULL OR (p.requested_at, p.id) < ($7, $8::uuid))
ORDER BY p.requested_at DESC, p.id DESC
LIMIT $9
