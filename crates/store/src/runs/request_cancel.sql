WITH run AS (
    UPDATE agent_runs
    SET cancel_requested_at = app_now(),
        cancel_requested_by = $2,
        status = CASE WHEN status = 'pending' THEN 'cancelled' ELSE status END,
        reason = CASE WHEN status = 'pending' THEN 'cancelled' ELSE reason END,
        finished_at = CASE WHEN status = 'pending' THEN app_now() END,
        namespace_expires_at = CASE WHEN status = 'pending' AND namespace_uid IS NOT NULL
                                    THEN app_now() + make_interval(secs => namespace_ttl_seconds)
                                    ELSE namespace_expires_at END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $7),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND finished_at IS NULL AND cancel_requested_at IS NULL
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $3, id, flow_seq, $4, $5, correlation_id, $6, flow_head, app_now() FROM run
)
SELECT (EXISTS (SELECT FROM run) OR EXISTS (SELECT FROM agent_runs WHERE id = $1 AND finished_at IS NULL)) AS "asked!"
