-- Projects with their counts and the viewer's own role. $1 viewer, $2 one project or all, $3 whether the viewer sees
-- projects without being a member, $4 and $5 the cursor, $6 the limit.
SELECT p.id, p.slug, p.name, p.locale, p.model, p.pre_review, p.stage_order, p.agent_labels,
       p.tool_modes AS "tool_modes: Json<ToolModes>", p.version, p.created_at,
       (SELECT count(*) FROM repositories AS r WHERE r.project_id = p.id AND r.state <> 'disconnected') AS "repositories!",
       (SELECT count(*) FROM agent_runs AS a WHERE a.project_id = p.id AND a.finished_at IS NULL
          AND a.status <> 'waiting_owner_review') AS "active_runs!",
       m.role AS "member_role?: Coded<ProjectRole>"
FROM projects AS p
LEFT JOIN project_members AS m ON m.project_id = p.id AND m.user_id = $1
WHERE p.removed_at IS NULL
  AND ($2::uuid IS NULL OR p.id = $2)
  AND ($3 OR m.role IS NOT NULL)
  AND ($4::timestamptz IS NULL OR (p.created_at, p.id) < ($4, $5::uuid))
ORDER BY p.created_at DESC, p.id DESC
LIMIT $6
