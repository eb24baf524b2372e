-- Everything that the intake decision rests on, but for what came before. $1 repository and $2 sender by GitHub's numeric ids, $3 the issue or pull request,
-- $4 the key of the opposite event (a numbered key begins with it and '#', and '$' follows '#'), $5 the role that would
-- act.
SELECT app_now() AS "now!",
       r.id AS "repository_id?", r.project_id AS "project_id?", r.bot_github_id AS "bot_github_id?",
       r.default_branch AS "default_branch?", p.slug AS "project_slug?", p.locale AS "locale?",
       p.stage_order AS "stage_order?",
       COALESCE(p.model, models.value ->> 'default') AS model,
       ARRAY(SELECT jsonb_array_elements_text(models.value -> 'allowed')) AS "models!",
       COALESCE(policy.time_limit_seconds, (limits.value ->> 'time_limit_seconds')::int) AS "time_limit_seconds!",
       COALESCE(policy.namespace_ttl_seconds, (limits.value ->> 'namespace_ttl_seconds')::int) AS "namespace_ttl_seconds!",
       u.id AS "user_id?", u.platform_role AS "platform_role?: Coded<PlatformRole>",
       m.role AS "project_role?: Coded<ProjectRole>",
       a.id AS "active_id?", a.trigger_label AS active_trigger, a.claimed_at IS NOT NULL AS active_claimed,
       EXISTS (SELECT FROM discussions AS d
               WHERE d.repository_id = r.id AND d.subject_number = $3 AND d.ended_at IS NULL) AS "talks!",
       (SELECT count(*) FROM webhook_deliveries WHERE event_key >= $4 AND event_key < $4 || '$') AS "opposites!"
FROM system_settings AS models
JOIN system_settings AS limits ON limits.key = 'run_limits'
LEFT JOIN repositories AS r ON r.github_id = $1 AND r.state <> 'disconnected'
LEFT JOIN projects AS p ON p.id = r.project_id
LEFT JOIN LATERAL agent_policy(p.id, $5) AS policy ON true
LEFT JOIN users AS u ON u.github_id = $2 AND u.removed_at IS NULL
LEFT JOIN project_members AS m ON m.project_id = r.project_id AND m.user_id = u.id
LEFT JOIN agent_runs AS a ON a.repository_id = r.id AND a.subject_number = $3 AND a.kind = 'stage'
     AND run_is_active(a.status)
WHERE models.key = 'models'
