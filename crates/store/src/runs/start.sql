SELECT u.github_id AS "github_id!", a.started_by_login AS "login!",
       CASE WHEN u.removed_at IS NULL THEN u.platform_role END AS "platform_role: Coded<PlatformRole>",
       m.role AS "project_role?: Coded<ProjectRole>",
       d.source IN ('webhook', 'delivery_log') AS "by_forge!",
       a.trigger_label AS "trigger_label?",
       EXISTS (SELECT FROM outbound_actions AS o
               WHERE o.repository_id = a.repository_id AND o.subject_number = a.subject_number
                 AND o.kind = 'labels' AND o.state = 'pending'
                 AND o.payload -> 'on' ? a.trigger_label) AS "trigger_is_coming!",
       a.model AS "model!", a.effort,
       COALESCE(p.model, models.value ->> 'default') AS "default_model!",
       ARRAY(SELECT jsonb_array_elements_text(models.value -> 'allowed')) AS "models!"
FROM agent_runs AS a
JOIN projects AS p ON p.id = a.project_id
JOIN users AS u ON u.id = a.started_by
JOIN webhook_deliveries AS d ON d.id = a.delivery_id
JOIN system_settings AS models ON models.key = 'models'
LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = u.id
WHERE a.id = $1 AND a.lease_token = $2 AND a.status = 'running'
