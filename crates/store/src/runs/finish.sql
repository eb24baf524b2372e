-- Ends a leased run: state, reason, expiry of its namespace, audit, the labels that the worker then moves, and what a
-- review has to say, or a turn of a discussion, which also says when it came to nothing.
WITH run AS (
    UPDATE agent_runs
    SET status = $3,
        reason = $4,
        reason_detail = COALESCE(NULLIF($5, ''), CASE WHEN kind = 'discussion' AND cancel_requested_at IS NOT NULL
                                                      THEN reason_detail END),
        attempts = attempts + CASE WHEN $6::boolean THEN 1 ELSE 0 END,
        launch_open = false,
        finished_at = app_now(),
        lease_expires_at = NULL,
        namespace_expires_at = CASE WHEN namespace_uid IS NOT NULL
                                    THEN app_now() + make_interval(secs => namespace_ttl_seconds) END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $13),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND lease_token = $2 AND status = 'running'
    RETURNING id, repository_id, subject_number, kind, status, pr_number, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $9, id, flow_seq, $10, $11, correlation_id, $12, flow_head, app_now() FROM run
), labels AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT uuidv7(), 'labels', repository_id, (move ->> 'number')::bigint, id,
           'run:' || id || ':labels:' || (move ->> 'number'), move -> 'labels'
    FROM run, jsonb_array_elements($8) AS move
    ON CONFLICT (dedupe_key) DO NOTHING
), review AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT $7, 'review_comment', repository_id, pr_number, id, 'run:' || id || ':review', '{}'
    FROM run WHERE kind = 'review' AND status = 'succeeded'
    ON CONFLICT (dedupe_key) DO NOTHING
), answer AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT $7, 'answer_comment', repository_id, subject_number, id, 'run:' || id || ':answer', '{}'
    FROM run WHERE kind = 'discussion' AND status <> 'cancelled'
    ON CONFLICT (dedupe_key) DO NOTHING
)
SELECT id FROM run
