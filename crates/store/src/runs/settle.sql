-- People decided about a pull request: the runs whose work waits in it end or wait on, its reviews are stopped, the
-- labels of issue and pull request follow. $1 repository, $2 pull request, $3 and $4 how waiting runs end (NULL: they
-- wait on), $5 whether its namespaces end (a review's with the review), $6 who, $7 the labels, $8 to $10 the audit of the
-- decision, $11 and $12 that of the reviews' stop, $13 what the labels are recognised by, $14 what is said about the end,
-- by language, $15 whether the issue's labels follow too.
WITH moved AS (
    UPDATE agent_runs
    SET status = COALESCE($3, status),
        reason = COALESCE($4, reason),
        reason_detail = COALESCE($14::jsonb ->> locale, reason_detail),
        finished_at = CASE WHEN $3::text IS NOT NULL THEN app_now() END,
        namespace_expires_at = CASE WHEN $5::boolean AND namespace_uid IS NOT NULL THEN app_now()
                                    ELSE namespace_expires_at END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $10),
        changed_at = app_now(),
        version = version + 1
    WHERE repository_id = $1 AND pr_number = $2 AND kind = 'stage' AND status = 'waiting_owner_review'
    RETURNING id, subject_number, correlation_id, flow_seq, flow_head
), namespaces AS (
    UPDATE agent_runs SET namespace_expires_at = LEAST(namespace_expires_at, app_now())
    WHERE $5 AND repository_id = $1 AND pr_number = $2 AND finished_at IS NOT NULL
      AND namespace_uid IS NOT NULL AND namespace_deleted_at IS NULL
), reviews AS (
    UPDATE agent_runs
    SET cancel_requested_at = COALESCE(cancel_requested_at, app_now()),
        cancel_requested_by = COALESCE(cancel_requested_by, $6),
        status = CASE WHEN ends_at_once(status) THEN 'cancelled' ELSE status END,
        reason = CASE WHEN ends_at_once(status) THEN 'cancelled' ELSE reason END,
        finished_at = CASE WHEN ends_at_once(status) THEN app_now() END,
        namespace_expires_at = CASE WHEN ends_at_once(status) AND namespace_uid IS NOT NULL
                                    THEN app_now() + make_interval(secs => CASE WHEN $5 THEN 0 ELSE namespace_ttl_seconds END)
                                    ELSE namespace_expires_at END,
        namespace_ttl_seconds = CASE WHEN $5 THEN 0 ELSE namespace_ttl_seconds END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $12),
        changed_at = app_now(),
        version = version + 1
    WHERE $3 IS NOT NULL AND repository_id = $1 AND pr_number = $2 AND kind = 'review'
      AND run_is_active(status) AND cancel_requested_at IS NULL
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT uuidv7(), id, flow_seq, $8, 'user:' || $6, correlation_id, $9::jsonb, flow_head, app_now() FROM moved
    UNION ALL
    SELECT uuidv7(), id, flow_seq, 'run.cancel_requested', 'user:' || $6, correlation_id, $11::jsonb, flow_head, app_now()
    FROM reviews
), labels AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT uuidv7(), 'labels', $1, places.number, NULL, 'settled:' || $13 || ':' || places.number, $7
    FROM (SELECT $2::bigint AS number UNION SELECT subject_number FROM moved WHERE $15::boolean) AS places
    ON CONFLICT (dedupe_key) DO NOTHING
)
SELECT id FROM moved UNION ALL SELECT id FROM reviews
