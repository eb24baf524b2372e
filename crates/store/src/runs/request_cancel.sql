-- Asks a run to stop. One that has no pod ends at once.
WITH run AS (
    UPDATE agent_runs
    SET cancel_requested_at = app_now(),
        cancel_requested_by = $2,
        status = CASE WHEN ends_at_once(status) OR status = 'waiting_owner_review' THEN 'cancelled' ELSE status END,
        reason = CASE WHEN ends_at_once(status) OR status = 'waiting_owner_review' THEN 'cancelled' ELSE reason END,
        finished_at = CASE WHEN ends_at_once(status) OR status = 'waiting_owner_review' THEN app_now() END,
        namespace_expires_at = CASE WHEN (ends_at_once(status) OR status = 'waiting_owner_review') AND namespace_uid IS NOT NULL
                                    THEN app_now() + make_interval(secs => namespace_ttl_seconds)
                                    ELSE namespace_expires_at END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $7),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND finished_at IS NULL AND (cancel_requested_at IS NULL OR ends_at_once(status))
    RETURNING id, repository_id, subject_number, pr_number, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $3, id, flow_seq, $4, $5, correlation_id, $6, flow_head, app_now() FROM run
), labels AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT uuidv7(), 'labels', repository_id, place, id, 'run:' || id || ':cancelled:' || place, $8
    FROM run, unnest(ARRAY[subject_number, pr_number]) AS place WHERE pr_number IS NOT NULL
    ON CONFLICT (dedupe_key) DO NOTHING
)
SELECT (EXISTS (SELECT FROM run) OR EXISTS (SELECT FROM agent_runs WHERE id = $1 AND finished_at IS NULL)) AS "asked!"
