-- The runs of an issue's stages, the newest first, and the labels of the issue as its last event told them. $2 is the
-- issue's number or, where $3, that of a pull request, whose issue its newest run knows.
WITH subject AS (
    SELECT CASE WHEN $3::boolean
                THEN (SELECT a.subject_number FROM agent_runs AS a
                      WHERE a.repository_id = $1 AND a.pr_number = $2 AND a.kind = 'stage'
                      ORDER BY a.queued_at DESC LIMIT 1)
                ELSE $2::bigint END AS number
), labels AS (
    SELECT d.payload #> '{issue,labels}' AS value FROM webhook_deliveries AS d, subject
    WHERE $3 AND d.repository_id = $1 AND d.subject_number = subject.number AND d.event = 'issues'
    ORDER BY d.received_at DESC, d.id DESC LIMIT 1
)
SELECT a.id, a.stage AS "stage: Coded<Stage>", a.pr_number, a.trigger_label, a.claimed_at IS NOT NULL AS "claimed!",
       run_is_active(a.status) AS "active!",
       a.status IN ('waiting_owner_review', 'succeeded') AND a.pr_number IS NOT NULL AS "handed_in!",
       a.status = 'waiting_owner_review' AS "waits!",
       ARRAY(SELECT label ->> 'name' FROM labels, jsonb_array_elements(labels.value) AS label) AS "issue_labels!: Vec<String>"
FROM agent_runs AS a, subject
WHERE a.repository_id = $1 AND a.subject_number = subject.number AND a.kind = 'stage'
ORDER BY a.queued_at DESC, a.id DESC
LIMIT $4
