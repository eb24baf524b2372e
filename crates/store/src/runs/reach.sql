-- Records a milestone of a leased run, once: the same audit event again changes nothing.
WITH run AS (
    UPDATE agent_runs
    SET namespace_uid = COALESCE($3, namespace_uid),
        job_uid = COALESCE($4, job_uid),
        started_at = CASE WHEN $5::boolean THEN COALESCE(started_at, app_now()) ELSE started_at END,
        head_sha = COALESCE($6, head_sha),
        pr_number = COALESCE($7, pr_number),
        pr_url = COALESCE($8, pr_url),
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $13),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND lease_token = $2 AND status = 'running'
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $9, id, flow_seq, $10, $11, correlation_id, $12, flow_head, app_now() FROM run
), link AS (
    INSERT INTO links (run_id, kind, target, url)
    SELECT id, 'pull_request', '#' || $7::bigint, $8::text FROM run WHERE $7::bigint IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT id FROM run
