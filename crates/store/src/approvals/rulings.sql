-- Open requests for leave of the runs about an issue, whose rows are locked, with who has to approve them and why. None where
-- the ledger has a later event about the label. $1 repository, $2 the issue, or a pull request that is itself what a run is
-- about, $3 the label, $4 when it was moved.
SELECT p.id, p.tool, p.ruling AS "ruling!: Json<Ruling>"
FROM approvals AS p JOIN agent_runs AS a ON a.id = p.run_id
WHERE a.repository_id = $1 AND a.subject_number = $2 AND a.requests_open > 0
  AND p.kind = 'action' AND p.state = 'requested' AND p.ruling IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM webhook_deliveries AS d
      WHERE d.repository_id = $1 AND d.subject_number = $2 AND lower(d.label) = lower($3)
        AND COALESCE(d.payload #>> '{issue,updated_at}', d.payload #>> '{pull_request,updated_at}')::timestamptz
            > $4::timestamptz)
ORDER BY a.id, p.number
