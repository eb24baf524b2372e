-- A leased run gets another namespace ($3), because the one that it has is of no use any more. If it had taken that over,
-- the run whose work it revises has it back, and it is due: whose it is decides what the sweep does with it.
WITH was AS (
    SELECT id, resumes, namespace, namespace_uid FROM agent_runs
    WHERE id = $1 AND lease_token = $2 AND status = 'running'
    FOR UPDATE
), run AS (
    UPDATE agent_runs AS a
    SET namespace = $3,
        namespace_uid = NULL,
        namespace_stuck_at = NULL,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $8),
        changed_at = app_now(),
        version = version + 1
    FROM was
    WHERE a.id = was.id
    RETURNING a.id, a.correlation_id, a.flow_seq, a.flow_head, was.resumes, was.namespace AS old, was.namespace_uid AS old_uid
), back AS (
    UPDATE agent_runs AS a
    SET namespace_uid = run.old_uid, namespace_expires_at = app_now(), changed_at = app_now(), version = a.version + 1
    FROM run
    WHERE a.id = run.resumes AND a.namespace = run.old AND a.namespace_uid IS NULL AND a.namespace_deleted_at IS NULL
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $4, id, flow_seq, $5, $6, correlation_id, $7, flow_head, app_now() FROM run
)
SELECT id FROM run
