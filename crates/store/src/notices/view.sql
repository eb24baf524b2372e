-- What a person was told, newest first, of projects that they still see. $1 viewer, $2 sees everything, $3 unread only, $4
-- and $5 the cursor, $6 the limit.
SELECT n.id, n.kind AS "kind: Coded<NoticeKind>", w.at, w.read_at IS NOT NULL AS "read!", n.summary, n.details, n.request_id, q.host AS "host?",
       p.asked AS "asked?: Json<Asked>", p.mode AS "mode: Coded<ApprovalMode>", p.digest, a.id AS run_id, a.project_id, t.name AS project_name,
       r.full_name AS repository_full_name, a.subject_number, a.subject_title, a.stage AS "stage: Coded<Stage>", a.role,
       a.reason, a.pr_number
FROM notifications AS w
JOIN notices AS n ON n.id = w.notice_id
JOIN agent_runs AS a ON a.id = n.run_id
JOIN projects AS t ON t.id = a.project_id
JOIN repositories AS r ON r.id = a.repository_id
LEFT JOIN approvals AS p ON p.id = n.request_id
LEFT JOIN egress_requests AS q ON q.id = n.egress_request_id
LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = $1
WHERE w.user_id = $1 AND ($2 OR m.role IS NOT NULL)
  AND (NOT $3 OR w.read_at IS NULL)
  AND ($4::timestamptz IS NULL OR (w.at, w.notice_id) < ($4, $5::uuid))
ORDER BY w.at DESC, w.notice_id DESC
LIMIT $6
