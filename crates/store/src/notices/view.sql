-- What a person was told, newest first, of projects that they still see; of what systems of others ask, whoever still manages
-- the project. $1 viewer, $2 sees everything, $3 unread only, $4 and $5 the cursor, $6 the limit.
SELECT n.id AS "id!", n.kind AS "kind!: Coded<NoticeKind>", w.at AS "at!", w.read_at IS NOT NULL AS "read!", n.summary, n.details,
       COALESCE(n.request_id, n.integration_request_id) AS request_id, q.host AS "host?",
       p.asked AS "asked?: Json<Asked>", p.mode AS "mode: Coded<ApprovalMode>", p.digest,
       t.id AS "project_id!", t.name AS "project_name!",
       i.name AS "integration?", o.asked AS "outside?: Json<asking::Asked>", a.id AS "run_id?", r.full_name AS "repository_full_name?", a.subject_number AS "subject_number?",
       a.subject_title AS "subject_title?", a.stage AS "stage?: Coded<Stage>", a.role AS "role?", a.reason, a.pr_number
FROM notifications AS w
JOIN notices AS n ON n.id = w.notice_id
LEFT JOIN agent_runs AS a ON a.id = n.run_id
LEFT JOIN integration_requests AS o ON o.id = n.integration_request_id
LEFT JOIN integrations AS i ON i.id = o.integration_id
JOIN projects AS t ON t.id = COALESCE(a.project_id, o.project_id)
LEFT JOIN repositories AS r ON r.id = a.repository_id
LEFT JOIN approvals AS p ON p.id = n.request_id
LEFT JOIN egress_requests AS q ON q.id = n.egress_request_id
LEFT JOIN project_members AS m ON m.project_id = t.id AND m.user_id = $1
WHERE w.user_id = $1 AND ($2 OR m.role = 'admin' OR (m.role IS NOT NULL AND n.integration_request_id IS NULL))
  AND (NOT $3 OR w.read_at IS NULL)
  AND ($4::timestamptz IS NULL OR (w.at, w.notice_id) < ($4, $5::uuid))
ORDER BY w.at DESC, w.notice_id DESC
LIMIT $6
