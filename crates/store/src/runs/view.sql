-- Runs as people see them, newest first. $1 viewer, $2 sees everything, $3 to $9 and $13 filters, $10 and $11 the
-- cursor, $12 the limit.
SELECT a.id, a.project_id, p.slug AS project_slug, a.repository_id, r.full_name AS repository_full_name,
       a.subject_number, a.subject_title, a.subject_url,
       a.kind, a.resumes, a.reviews, a.stage AS "stage: Coded<Stage>", a.role, a.locale,
       a.status AS "status: Coded<RunStatus>", a.reason, a.reason_detail, a.started_by_login, a.branch, a.model, a.effort,
       a.pr_number, a.pr_url, a.namespace, a.namespace_uid,
       CASE WHEN NOT namespace_kept(a) THEN a.namespace_expires_at END AS namespace_expires_at, a.namespace_deleted_at,
       a.last_words, a.last_word, a.cancel_requested_at IS NOT NULL AS "cancel_requested!", a.launch, a.attempts,
       a.queued_at, a.started_at, a.handed_in_at, a.finished_at, a.deadline_at, a.changed_at, a.version,
       m.role AS "member_role?: Coded<ProjectRole>",
       waits.for AS "waits_for?", waits.since AS "waits_since?", waits.until AS "waits_until?", waits.place AS "waits_place?",
       waits.detail AS "waits_detail?",
       usage.calls AS "calls!", usage.input_tokens AS "input_tokens!",
       usage.cached_input_tokens AS "cached_input_tokens!", usage.output_tokens AS "output_tokens!"
FROM agent_runs AS a
JOIN projects AS p ON p.id = a.project_id
JOIN repositories AS r ON r.id = a.repository_id
LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = $1
LEFT JOIN LATERAL (
    SELECT CASE WHEN a.not_before > app_now() THEN CASE a.status WHEN 'pending' THEN 'retry' ELSE a.parked_by END
                WHEN NOT a.launch_open AND limited.until IS NOT NULL THEN 'model'
                WHEN free.of_role IS NULL THEN 'role'
                WHEN free.of_project IS NULL THEN 'project'
                WHEN free.of_platform IS NULL THEN 'platform'
                ELSE 'worker' END AS for,
           COALESCE(a.parked_at, a.queued_at) AS since,
           CASE WHEN a.not_before > app_now() THEN a.not_before
                WHEN NOT a.launch_open THEN limited.until END AS until,
           1 + (SELECT count(*) FROM agent_runs AS b
                WHERE waits_for_claim(b.status)
                  AND b.project_id = a.project_id AND b.role = a.role
                  AND (-b.priority, b.queued_at, b.id) < (-a.priority, a.queued_at, a.id)) AS place,
           a.parked_detail AS detail
    FROM free_slots(a) AS free, model_limited_until(a.model) AS limited (until)
    WHERE waits_for_claim(a.status)
    UNION ALL
    SELECT 'owner', a.handed_in_at, NULL, NULL, NULL WHERE a.status = 'waiting_owner_review'
    UNION ALL
    SELECT 'answer', a.parked_at, (SELECT min(expires_at) FROM approvals WHERE run_id = a.id AND state = 'requested'),
           NULL, NULL
    WHERE a.status = 'waiting_mcp'
) AS waits ON a.finished_at IS NULL AND a.status <> 'running'
CROSS JOIN LATERAL (
    SELECT count(*) AS calls, COALESCE(sum(t.input_tokens), 0)::bigint AS input_tokens,
           COALESCE(sum(t.cached_input_tokens), 0)::bigint AS cached_input_tokens,
           COALESCE(sum(t.output_tokens), 0)::bigint AS output_tokens
    FROM token_usage AS t WHERE t.run_id = a.id
) AS usage
WHERE ($2 OR m.role IS NOT NULL)
  AND ($3::uuid IS NULL OR a.id = $3)
  AND ($4::uuid IS NULL OR a.project_id = $4)
  AND ($5::uuid IS NULL OR a.repository_id = $5)
  AND ($6::text IS NULL OR a.status = $6)
  AND ($7::boolean IS NULL OR (a.finished_at IS NULL AND a.status <> 'waiting_owner_review') = $7)
  AND ($8::text IS NULL OR a.subject_title ILIKE '%' || $8 || '%' OR a.subject_number::text = ltrim($8, '#'))
  AND ($9::timestamptz IS NULL OR a.changed_at > $9)
  AND (NOT $13::boolean OR (a.finished_at IS NULL AND a.status <> 'running'))
  AND ($10::timestamptz IS NULL OR (a.queued_at, a.id) < ($10, $11::uuid))
ORDER BY a.queued_at DESC, a.id DESC
LIMIT $12
