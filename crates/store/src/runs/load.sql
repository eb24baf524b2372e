-- Mode and rights are those of the policy that counts now; a run whose agent is gone gets the least, and so does one that
-- only talks.
SELECT a.id, a.project_id, p.slug AS project_slug, a.repository_id, r.full_name AS repository, r.token_sealed,
       r.bot_github_id,
       a.subject_number, a.subject_title, a.stage AS "stage: Coded<Stage>", a.role,
       CASE WHEN a.kind = 'discussion' THEN 'code_only' ELSE COALESCE(policy.mode, 'code_only') END AS "mode!: Coded<Mode>",
       CASE WHEN a.kind = 'discussion' THEN '{}' ELSE COALESCE(policy.rights, '{}') END AS "rights!: Vec<Coded<Right>>",
       a.locale, a.branch, a.base_branch, a.namespace,
       a.namespace_uid, a.correlation_id, a.status AS "status: Coded<RunStatus>", a.launch, a.launch_open, a.attempts,
       a.job_uid, a.deadline_at, COALESCE(a.deadline_at <= app_now(), false) AS "deadline_passed!",
       a.time_limit_seconds, a.namespace_ttl_seconds, a.cancel_requested_at IS NOT NULL AS "cancel_requested!",
       a.started_at,
       CASE WHEN a.reported_launch = a.launch AND a.launch_open THEN a.reported_outcome END AS reported_outcome,
       CASE WHEN a.reported_launch = a.launch AND a.launch_open THEN a.reported_reason END AS reported_reason,
       CASE WHEN a.reported_launch = a.launch AND a.launch_open THEN a.reported_detail END AS reported_detail,
       a.last_word, a.model_limited_until, a.pr_number, a.trigger_label, a.trigger_subject, a.kind = 'review' AS "is_review!",
       a.kind = 'discussion' AS "is_discussion!", p.pre_review,
       EXISTS (SELECT FROM agent_runs AS made WHERE made.id = a.reviews AND made.status = 'waiting_owner_review')
           AS "reviewed_waits!"
FROM agent_runs AS a
JOIN projects AS p ON p.id = a.project_id
JOIN repositories AS r ON r.id = a.repository_id
LEFT JOIN LATERAL agent_policy(a.project_id, a.role) AS policy ON true
WHERE a.id = $1 AND a.lease_token = $2 AND a.status = 'running'
