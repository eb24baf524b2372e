-- Labels that an agent moves by itself, and the call in its run's audit. $1 run, $2 launch, $3 id, $4 issue or pull
-- request, $5 the change, $6 and $7 the same as labels on and off, $8 to $12 the audit.
WITH run AS (
    UPDATE agent_runs
    SET labels_set = labels_after(labels_set, $6, $7),
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $12),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND launch = $2 AND status = 'running'
    RETURNING id, repository_id, flow_seq, flow_head, correlation_id
), wish AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT $3::uuid, 'labels', repository_id, $4, id, 'run:' || id || ':moved:' || $3::uuid, $5 FROM run
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT $8, id, flow_seq, $9, $10, correlation_id, $11, flow_head, app_now() FROM run
