-- Parks a leased run whose agent has asked people: its clock stands still and its launch is over, without a failure.
-- When all is answered already, it goes back to the queue. Both are decided on the run's row alone.
WITH run AS (
    UPDATE agent_runs
    SET status = CASE WHEN requests_open > 0 THEN 'waiting_mcp' ELSE 'pending' END,
        not_before = app_now(),
        parked_at = app_now(),
        -- Whom a person answers has time to hear it.
        time_left = CASE WHEN EXISTS (SELECT FROM approvals AS p
                                      WHERE p.run_id = agent_runs.id AND p.launch = agent_runs.launch
                                        AND p.mode IS DISTINCT FROM 'none')
                         THEN GREATEST(deadline_at - app_now(), interval '3 minutes')
                         ELSE deadline_at - app_now() END,
        deadline_at = NULL,
        launch_open = false,
        job_uid = NULL,
        lease_expires_at = NULL,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $7),
        changed_at = app_now(),
        version = version + 1
    -- Whoever stopped it in this moment was first: the next turn ends it as cancelled.
    WHERE id = $1 AND lease_token = $2 AND status = 'running' AND cancel_requested_at IS NULL
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $3, id, flow_seq, $4, $5, correlation_id, $6, flow_head, app_now() FROM run
)
SELECT id FROM run
