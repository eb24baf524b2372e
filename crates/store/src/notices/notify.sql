-- An agent tells people something, and the call in its audit; nothing when the launch is not the current one any more, or
-- when the run has told enough of late. The same notice again is told once. $1 run, $2 launch, $3 the notice, $4 its kind,
-- $5 and $6 what is said, $7 how many an hour, $8 to $12 the audit.
WITH run AS (
    UPDATE agent_runs
    SET flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $12),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $1 AND launch = $2 AND status = 'running'
      AND (EXISTS (SELECT FROM notices WHERE id = $3)
           OR $7 > (SELECT count(*) FROM notices
                    WHERE run_id = $1 AND summary IS NOT NULL AND at > app_now() - interval '1 hour'))
    RETURNING id, flow_seq, flow_head, correlation_id
), notice AS (
    INSERT INTO notices (id, run_id, kind, summary, details) SELECT $3, id, $4, $5, $6 FROM run
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
SELECT $8, id, flow_seq, $9, $10, correlation_id, $11, flow_head, app_now() FROM run
