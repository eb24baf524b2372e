-- Of each label that lies on an issue or pull request of $1 ($2 numbers, $3 labels): whether a run that it started is
-- not over, and whether the newest event of it is that it was put on.
SELECT EXISTS (SELECT FROM agent_runs AS a
               WHERE a.repository_id = $1 AND a.trigger_subject = lying.subject AND a.trigger_label = lying.label
                 AND a.finished_at IS NULL) AS "run!",
       COALESCE((SELECT d.action = 'labeled' FROM webhook_deliveries AS d
                 WHERE d.repository_id = $1 AND d.subject_number = lying.subject AND d.label = lying.label
                   AND d.event IN ('issues', 'pull_request') AND d.action IN ('labeled', 'unlabeled')
                 ORDER BY d.received_at DESC, d.id DESC LIMIT 1), false) AS "heard!"
FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY AS lying(subject, label, place)
ORDER BY lying.place
