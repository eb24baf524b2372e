-- Stops the turn of a discussion that is over. $1 repository, $2 issue, $3 who, $4 and $5 the audit, $6 what people are
-- told, by language.
WITH turn AS (
    UPDATE agent_runs
    SET cancel_requested_at = app_now(),
        cancel_requested_by = $3,
        reason_detail = COALESCE($6::jsonb ->> locale, reason_detail),
        status = CASE WHEN ends_at_once(status) THEN 'cancelled' ELSE status END,
        reason = CASE WHEN ends_at_once(status) THEN 'cancelled' ELSE reason END,
        finished_at = CASE WHEN ends_at_once(status) THEN app_now() END,
        namespace_expires_at = CASE WHEN ends_at_once(status) AND namespace_uid IS NOT NULL
                                    THEN app_now() + make_interval(secs => namespace_ttl_seconds)
                                    ELSE namespace_expires_at END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $5),
        changed_at = app_now(),
        version = version + 1
    WHERE repository_id = $1 AND subject_number = $2 AND kind = 'discussion' AND cancel_requested_at IS NULL
      AND run_is_active(status)
    RETURNING id, correlation_id, flow_seq, flow_head
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT uuidv7(), id, flow_seq, 'run.cancel_requested', 'user:' || $3, correlation_id, $4, flow_head, app_now() FROM turn
