-- The run's decoy turned up. An active run ends, whoever holds it, and with it its token, its lease and its places; one that
-- is over, or whose work is handed in, only keeps the evidence. The first sighting counts. $1 run, $2 what is said about the
-- end, by language, $3 to $6 the audit of the sighting, $7 to $9 that of the end, $10 who saw it, $11 the label of work
-- that waits for its owner.
WITH found AS (
    SELECT id, run_is_active(status) AS ends, flow_seq + 1 AS seen_seq,
           flow_hash(flow_head, flow_seq + 1, app_now(), $6) AS seen_head
    FROM agent_runs WHERE id = $1 AND tripped_at IS NULL
    FOR UPDATE
), run AS (
    UPDATE agent_runs AS a
    SET tripped_at = app_now(),
        status = CASE WHEN ends THEN 'failed' ELSE status END,
        reason = CASE WHEN ends THEN 'canary' ELSE reason END,
        reason_detail = CASE WHEN ends THEN $2::jsonb ->> locale ELSE reason_detail END,
        launch_open = launch_open AND NOT ends,
        finished_at = CASE WHEN ends THEN app_now() ELSE finished_at END,
        lease_expires_at = CASE WHEN NOT ends THEN lease_expires_at END,
        namespace_expires_at = CASE WHEN ends AND namespace_uid IS NOT NULL
                                    THEN app_now() + make_interval(secs => namespace_ttl_seconds)
                                    ELSE namespace_expires_at END,
        flow_seq = CASE WHEN ends THEN seen_seq + 1 ELSE seen_seq END,
        flow_head = CASE WHEN ends THEN flow_hash(seen_head, seen_seq + 1, app_now(), $9) ELSE seen_head END,
        changed_at = app_now(),
        version = version + 1
    FROM found
    WHERE a.id = found.id
    RETURNING a.id, repository_id, subject_number, kind, pr_number, reviews, trigger_label, trigger_subject, correlation_id,
              flow_seq, flow_head, ends, seen_seq, seen_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $3::uuid, id, seen_seq, $4::text, $10::text, correlation_id, $5::jsonb, seen_head, app_now() FROM run
    UNION ALL
    SELECT $7, id, flow_seq, 'run.finished', $10, correlation_id, $8, flow_head, app_now() FROM run WHERE ends
), places AS (
    SELECT id, repository_id, trigger_subject AS number, trigger_label AS off, NULL AS put
    FROM run WHERE ends AND kind <> 'discussion' AND trigger_label IS NOT NULL
    UNION ALL
    SELECT run.id, run.repository_id, place, NULL, $11
    FROM run JOIN agent_runs AS made ON made.id = run.reviews AND made.status = 'waiting_owner_review',
         unnest(ARRAY[run.subject_number, run.pr_number]) AS place
    WHERE ends AND run.kind = 'review' AND run.pr_number IS NOT NULL
), labels AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT uuidv7(), 'labels', repository_id, number, id, 'run:' || id || ':labels:' || number,
           jsonb_build_object('off', COALESCE(jsonb_agg(DISTINCT off) FILTER (WHERE off IS NOT NULL), '[]'),
                              'on', COALESCE(jsonb_agg(DISTINCT put) FILTER (WHERE put IS NOT NULL), '[]'))
    FROM places GROUP BY repository_id, number, id
    ON CONFLICT (dedupe_key) DO NOTHING
), answer AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    SELECT uuidv7(), 'answer_comment', repository_id, subject_number, id, 'run:' || id || ':answer', '{}'
    FROM run WHERE ends AND kind = 'discussion'
    ON CONFLICT (dedupe_key) DO NOTHING
)
SELECT ends AS "ends!" FROM run
