-- Parks a leased run until a limit passes: its clock stands still, and no launch is counted. A launch whose pod is done
-- with its work stays open ($6 false) and is collected afterwards.
WITH run AS (
    UPDATE agent_runs
    SET status = 'waiting_backpressure',
        parked_by = $3,
        parked_at = app_now(),
        parked_detail = NULLIF($4, ''),
        not_before = $5,
        time_left = deadline_at - app_now(),
        deadline_at = NULL,
        model_limited_until = NULL,
        launch_open = launch_open AND NOT $6::boolean,
        job_uid = CASE WHEN NOT $6 THEN job_uid END,
        lease_expires_at = NULL,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $11),
        changed_at = app_now(),
        version = version + 1
    -- Whoever stopped it in this moment was first: the next turn ends it as cancelled.
    WHERE id = $1 AND lease_token = $2 AND status = 'running' AND cancel_requested_at IS NULL
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $7, id, flow_seq, $8, $9, correlation_id, $10, flow_head, app_now() FROM run
)
SELECT id FROM run
