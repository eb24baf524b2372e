-- Questions about hosts as people see them, newest first. $1 viewer, $2 sees everything, $3 one of them, $4 open or not,
-- $5 project, $6 run, $7 and $8 the cursor, $9 the limit.
SELECT q.id, q.host, q.tries, q.requested_at, q.expires_at, (q.decision IS NULL AND q.expires_at > app_now()) AS "open!",
       q.decision AS "decision: Coded<EgressDecision>", q.decided_at, d.login AS "decided_by?",
       a.id AS run_id, a.finished_at IS NOT NULL AS "run_over!", q.project_id, t.name AS project_name,
       r.full_name AS repository_full_name, a.subject_number, a.subject_title, q.role,
       m.role AS "member_role?: Coded<ProjectRole>"
FROM egress_requests AS q
JOIN agent_runs AS a ON a.id = q.run_id
JOIN projects AS t ON t.id = q.project_id
JOIN repositories AS r ON r.id = a.repository_id
LEFT JOIN users AS d ON d.id = q.decided_by
LEFT JOIN project_members AS m ON m.project_id = q.project_id AND m.user_id = $1
WHERE ($2 OR m.role IS NOT NULL)
  AND ($3::uuid IS NULL OR q.id = $3)
  AND ($4::boolean IS NULL OR (q.decision IS NULL AND q.expires_at > app_now()) = $4)
  AND ($5::uuid IS NULL OR q.project_id = $5)
  AND ($6::uuid IS NULL OR q.run_id = $6)
  AND ($7::timestamptz IS NULL OR (q.requested_at, q.id) < ($7, $8::uuid))
ORDER BY q.requested_at DESC, q.id DESC
LIMIT $9
