-- Ends discussions in which nobody has said anything for so many hours, of all issues or of one. Whoever waits for an
-- answer, or gets one in this moment, has not fallen silent.
UPDATE discussions AS d
SET ended_at = app_now(), ended_by = 'idle'
WHERE d.ended_at IS NULL
  AND ($2::uuid IS NULL OR (d.repository_id = $2 AND d.subject_number = $3::bigint))
  AND d.heard_at <= app_now() - make_interval(hours => $1)
  AND NOT EXISTS (SELECT FROM discussion_comments AS c WHERE c.discussion_id = d.id AND c.turn IS NULL)
  AND NOT EXISTS (SELECT FROM agent_runs AS t
                  WHERE t.discussion_id = d.id
                    AND (t.finished_at IS NULL OR t.finished_at > app_now() - make_interval(hours => $1)))
