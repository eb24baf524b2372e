-- A launch failed and another may go better: back to the queue, with the failed launch counted and closed.
WITH run AS (
    UPDATE agent_runs
    SET status = 'pending',
        attempts = attempts + 1,
        launch_open = false,
        job_uid = NULL,
        not_before = app_now() + make_interval(secs => $3),
        lease_expires_at = NULL,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $8),
        changed_at = app_now(),
        version = version + 1
    -- Whoever stopped it in this moment was first: the next turn ends it as cancelled.
    WHERE id = $1 AND lease_token = $2 AND status = 'running' AND cancel_requested_at IS NULL
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $4, id, flow_seq, $5, $6, correlation_id, $7, flow_head, app_now() FROM run
)
SELECT id FROM run
