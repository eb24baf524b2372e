-- A turn of a discussion with the comments that wait for it, all or nothing. Two workers at once: the second passes over
-- the locked row, or finds the turn by its partial unique index. A comment that comes meanwhile waits for the next turn.
-- A stage that starts meanwhile ends the discussion, whose row is then another one than was read.
WITH discussion AS (
    SELECT d.* FROM discussions AS d
    WHERE d.id = $1 AND d.ended_at IS NULL
      AND NOT EXISTS (SELECT FROM agent_runs AS a
                      WHERE a.repository_id = d.repository_id AND a.subject_number = d.subject_number
                        AND a.kind IN ('stage', 'discussion')
                        AND run_is_active(a.status))
    FOR UPDATE SKIP LOCKED
), first AS (
    SELECT c.said_by, c.author_login, c.delivery_id, w.correlation_id
    FROM discussion AS d
    JOIN discussion_comments AS c ON c.discussion_id = d.id AND c.turn IS NULL
    JOIN webhook_deliveries AS w ON w.id = c.delivery_id
    ORDER BY c.comment_id LIMIT 1
), run AS (
    INSERT INTO agent_runs (id, project_id, repository_id, subject_number, subject_title, subject_body, subject_url, kind,
                            stage, role, locale, model, branch, base_branch, namespace, delivery_id, correlation_id,
                            started_by, started_by_login, time_limit_seconds, namespace_ttl_seconds, flow_seq, flow_head,
                            trigger_label, trigger_subject, resumes, discussion_id)
    SELECT $2, p.id, d.repository_id, d.subject_number, d.subject_title, d.subject_body, d.subject_url, 'discussion',
           $3, $4, p.locale, COALESCE(p.model, models.value ->> 'default'), $5, r.default_branch, $6, first.delivery_id,
           first.correlation_id, first.said_by, first.author_login,
           COALESCE(policy.time_limit_seconds, (limits.value ->> 'time_limit_seconds')::int), $7,
           1, flow_hash('\x', 1, app_now(), $11), $12, d.subject_number, $13::uuid, d.id
    FROM discussion AS d
    CROSS JOIN first
    JOIN repositories AS r ON r.id = d.repository_id
    JOIN projects AS p ON p.id = r.project_id
    JOIN system_settings AS models ON models.key = 'models'
    JOIN system_settings AS limits ON limits.key = 'run_limits'
    LEFT JOIN LATERAL agent_policy(p.id, $4) AS policy ON true
    ON CONFLICT DO NOTHING
    RETURNING id, discussion_id, subject_number, subject_url, correlation_id, flow_seq, flow_head
), taken AS (
    UPDATE discussion_comments AS c SET turn = run.id FROM run
    WHERE c.discussion_id = run.discussion_id AND c.turn IS NULL
    RETURNING c.delivery_id, c.turn
), told AS (
    UPDATE webhook_deliveries AS w SET run_id = taken.turn FROM taken WHERE w.id = taken.delivery_id
), link AS (
    INSERT INTO links (run_id, kind, target, url) SELECT id, 'issue', '#' || subject_number, subject_url FROM run
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $8, id, flow_seq, 'run.created', $9, correlation_id, $10, flow_head, app_now() FROM run
)
SELECT id FROM run
