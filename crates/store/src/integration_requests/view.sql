-- Requests of systems of others as whoever manages their project sees them, newest first. $1 viewer, $2 sees everything, $3
-- one of them, $4 open or decided, $5 project, $6 and $7 the cursor, $8 the limit.
SELECT q.id, q.kind AS "kind: Coded<OutsideKind>", q.state AS "state: Coded<OutsideState>", i.name AS integration,
       q.correlation_id, q.project_id, t.name AS project_name, q.asked AS "asked: Json<Asked>",
       q.answer AS "answer: Json<Answer>", d.login AS "decided_by?", q.decided_at, q.requested_at, q.expires_at,
       q.telling AS "telling: Coded<TellState>", q.attempts, q.trouble
FROM integration_requests AS q
JOIN integrations AS i ON i.id = q.integration_id
JOIN projects AS t ON t.id = q.project_id
LEFT JOIN users AS d ON d.id = q.decided_by
LEFT JOIN project_members AS m ON m.project_id = q.project_id AND m.user_id = $1
WHERE ($2 OR m.role = 'admin')
  AND ($3::uuid IS NULL OR q.id = $3)
  AND ($4::boolean IS NULL OR (q.state = 'requested') = $4)
  AND ($5::uuid IS NULL OR q.project_id = $5)
  AND ($6::timestamptz IS NULL OR (q.requested_at, q.id) < ($6, $7::uuid))
ORDER BY q.requested_at DESC, q.id DESC
LIMIT $8
