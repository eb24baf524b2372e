-- A stage's work is in its pull request and waits for the owner: state, expiry of the namespace, audit, labels, and the
-- run in which a second role looks at the work first, where the project wants that.
WITH run AS (
    UPDATE agent_runs
    SET status = 'waiting_owner_review',
        launch_open = false,
        handed_in_at = app_now(),
        lease_expires_at = NULL,
        namespace_expires_at = CASE WHEN namespace_uid IS NOT NULL
                                    THEN app_now() + make_interval(secs => namespace_ttl_seconds) END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $7),
        changed_at = app_now(),
        version = version + 1
    -- Whoever stopped it in this moment was first: the next turn ends it as cancelled.
    WHERE id = $1 AND lease_token = $2 AND status = 'running' AND cancel_requested_at IS NULL
    RETURNING *
), review AS (
    INSERT INTO agent_runs (id, project_id, repository_id, subject_number, subject_title, subject_body, subject_url, kind,
                            stage, role, locale, model, effort, branch, base_branch, namespace, delivery_id, correlation_id,
                            started_by, started_by_login, time_limit_seconds, namespace_ttl_seconds, flow_seq, flow_head,
                            reviews, pr_number, pr_url)
    SELECT $9::uuid, run.project_id, repository_id, subject_number, subject_title, subject_body, subject_url, 'review',
           stage, $10, locale, model, effort, branch, base_branch, $11, delivery_id, correlation_id,
           started_by, started_by_login,
           COALESCE(policy.time_limit_seconds, (limits.value ->> 'time_limit_seconds')::int),
           COALESCE(policy.namespace_ttl_seconds, (limits.value ->> 'namespace_ttl_seconds')::int),
           1, flow_hash('\x', 1, app_now(), $14), run.id, pr_number, pr_url
    FROM run
    JOIN system_settings AS limits ON limits.key = 'run_limits'
    LEFT JOIN LATERAL agent_policy(run.project_id, $10) AS policy ON true
    WHERE $9::uuid IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING id, correlation_id, flow_seq, flow_head, subject_number, subject_url
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $3::uuid, id, flow_seq, $4::text, $5::text, correlation_id, $6::jsonb, flow_head, app_now() FROM run
    UNION ALL
    SELECT $12, id, flow_seq, 'run.created', $5, correlation_id, $13, flow_head, app_now() FROM review
), link AS (
    INSERT INTO links (run_id, kind, target, url) SELECT id, 'issue', '#' || subject_number, subject_url FROM review
), labels AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT uuidv7(), 'labels', run.repository_id, (move ->> 'number')::bigint, run.id,
           'run:' || run.id || ':labels:' || (move ->> 'number'), move -> 'labels'
    FROM run, jsonb_array_elements($8) AS move
    ON CONFLICT (dedupe_key) DO NOTHING
)
SELECT id FROM run
