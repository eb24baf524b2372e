-- A comment in an agent's own words, and the call in its audit. The same words on the same subject are one comment.
WITH run AS (
    UPDATE agent_runs
    SET flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $11),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND launch = $2 AND status = 'running'
    RETURNING id, repository_id, flow_seq, flow_head, correlation_id
), wish AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT $3, 'agent_comment', repository_id, $4, id, $5, $6 FROM run
    ON CONFLICT (dedupe_key) DO NOTHING
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT $7, id, flow_seq, $8, $9, correlation_id, $10, flow_head, app_now() FROM run
