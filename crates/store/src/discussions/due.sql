-- A discussion in which somebody waits for an answer and nobody works on one, the longest waiting first. While a stage of
-- the issue is worked on, it waits.
SELECT d.id, d.subject_number, p.slug AS project_slug,
       (SELECT t.id FROM agent_runs AS t WHERE t.discussion_id = d.id ORDER BY t.queued_at DESC, t.id DESC LIMIT 1) AS earlier
FROM discussions AS d
JOIN repositories AS r ON r.id = d.repository_id AND r.state <> 'disconnected'
JOIN projects AS p ON p.id = r.project_id AND p.removed_at IS NULL
CROSS JOIN LATERAL (SELECT min(c.heard_at) AS since FROM discussion_comments AS c
                    WHERE c.discussion_id = d.id AND c.turn IS NULL) AS waits
WHERE d.ended_at IS NULL AND waits.since IS NOT NULL
  AND NOT EXISTS (SELECT FROM agent_runs AS a
                  WHERE a.repository_id = d.repository_id AND a.subject_number = d.subject_number
                    AND a.kind IN ('stage', 'discussion')
                    AND run_is_active(a.status))
ORDER BY waits.since
LIMIT 1
