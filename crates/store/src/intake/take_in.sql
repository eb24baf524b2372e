-- Takes one delivery in: the ledger's row, and with it the run that it starts or ends, all or nothing.
--
-- Two labels at once: both statements insert a run; the partial unique index makes the second wait for the first's
-- commit and then insert nothing, and its ledger row says run_already_active.
-- A delivery that settles work, keeps namespaces or clears them away ($51 is the newest run of it), or that a discussion
-- hears ($33 alone), is recorded here; the rest moves in the same transaction.
-- The same event twice at once: the second's ledger row is the one that is not inserted; a run that it would have
-- started violates its foreign key to that row, and the whole statement fails.
WITH seen AS (
    SELECT FROM webhook_deliveries WHERE delivery_guid = $2 OR body_sha256 = $3 OR event_key = $4
), run AS (
    INSERT INTO agent_runs (id, project_id, repository_id, subject_number, subject_title, subject_body, subject_url, kind,
                            stage, role, locale, model, effort, branch, base_branch, namespace, delivery_id, correlation_id,
                            started_by, started_by_login, time_limit_seconds, namespace_ttl_seconds, flow_seq, flow_head,
                            trigger_label, trigger_subject, resumes, revises, reviews, pr_number, pr_url)
    SELECT $17::uuid, $18, $7, $44, $19, $20, $21, $45, $22, $23, $24, $25, $43, $26, $27, $28, $1, $13,
           $29, $12, $30, $31, 1, flow_hash('\x', 1, app_now(), $40),
           $10, CASE WHEN $10::text IS NOT NULL THEN $9::bigint END, $46, $47, $48, $49, $50
    WHERE $17::uuid IS NOT NULL AND NOT EXISTS (SELECT FROM seen)
    ON CONFLICT DO NOTHING
    RETURNING id, repository_id, subject_number, subject_url, correlation_id, flow_seq, flow_head
), link AS (
    INSERT INTO links (run_id, kind, target, url) SELECT id, 'issue', '#' || subject_number, subject_url FROM run
), ended AS (
    UPDATE agent_runs
    SET cancel_requested_at = COALESCE(cancel_requested_at, app_now()),
        cancel_requested_by = COALESCE(cancel_requested_by, $12),
        status = CASE WHEN ends_at_once(status) THEN 'cancelled' ELSE status END,
        reason = CASE WHEN ends_at_once(status) THEN $34 ELSE reason END,
        finished_at = CASE WHEN ends_at_once(status) THEN app_now() END,
        namespace_expires_at = CASE WHEN ends_at_once(status) AND namespace_uid IS NOT NULL
                                    THEN app_now() + make_interval(secs => namespace_ttl_seconds)
                                    ELSE namespace_expires_at END,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $40),
        changed_at = app_now(),
        version = version + 1
    WHERE id = $32::uuid AND finished_at IS NULL AND NOT EXISTS (SELECT FROM seen)
      AND (NOT $35::boolean OR (status = 'pending' AND claimed_at IS NULL))
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT $36::uuid, id, flow_seq, $37, $38, correlation_id, $39, flow_head, app_now()
    FROM (SELECT id, correlation_id, flow_seq, flow_head FROM run
          UNION ALL SELECT id, correlation_id, flow_seq, flow_head FROM ended) AS moved
), outcome AS (
    SELECT COALESCE((SELECT id FROM run), (SELECT id FROM ended), $51::uuid) AS run_id,
           CASE WHEN EXISTS (SELECT FROM run) THEN 'accepted'
                WHEN EXISTS (SELECT FROM ended) OR $51::uuid IS NOT NULL
                     OR ($33::text IS NOT NULL AND $32::uuid IS NULL) THEN 'effected'
                ELSE 'ignored' END AS decision,
           CASE WHEN EXISTS (SELECT FROM run) THEN NULL
                WHEN EXISTS (SELECT FROM ended) OR $51::uuid IS NOT NULL
                     OR ($33::text IS NOT NULL AND $32::uuid IS NULL) THEN $33::text
                WHEN $17::uuid IS NOT NULL THEN 'run_already_active'
                WHEN $32::uuid IS NOT NULL THEN 'event_not_handled'
                ELSE $16::text END AS reason
), delivery AS (
    INSERT INTO webhook_deliveries (id, delivery_guid, body_sha256, event_key, event, action, repository_id,
                                    repository_full_name, subject_number, label, sender_github_id, sender_login,
                                    decision, reason, run_id, correlation_id, source, payload)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, decision, reason, run_id, $13, $14, $15::text::jsonb
    FROM outcome
    ON CONFLICT DO NOTHING
    RETURNING id, decision, reason, run_id, repository_id, subject_number, sender_github_id, sender_login
), comment AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, dedupe_key, payload)
    -- Who talks where they are not heard is told once, not after each word; who may answer is told each time.
    SELECT $41, 'refusal_comment', repository_id, subject_number,
           CASE WHEN $5 = 'issue_comment' AND reason NOT IN ('answer_unclear', 'answer_late')
                THEN 'comments:' || repository_id || ':' || subject_number || ':' || sender_github_id || ':' || reason
                ELSE 'delivery:' || id || ':refusal' END,
           jsonb_build_object('reason', reason, 'login', sender_login, 'delivery', id)
    FROM delivery
    WHERE reason = ANY ($42::text[]) AND repository_id IS NOT NULL AND subject_number IS NOT NULL
    ON CONFLICT (dedupe_key) DO NOTHING
), labels AS (
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, dedupe_key, payload)
    SELECT $53, 'labels', repository_id, subject_number, 'delivery:' || id || ':labels', $52
    FROM delivery WHERE $52::jsonb IS NOT NULL AND repository_id IS NOT NULL AND subject_number IS NOT NULL
)
SELECT decision, reason, run_id FROM delivery
