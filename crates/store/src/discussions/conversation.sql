-- The turns of the discussion that a run belongs to, the oldest first, and what waits for the next one.
SELECT t.id AS "run_id?", t.status AS "status?: Coded<RunStatus>", COALESCE(t.last_word ->> 'answer', t.last_word ->> 'summary') AS answer,
       c.comment_id, c.author_login, c.url, c.body, c.heard_at
FROM agent_runs AS a
JOIN discussion_comments AS c ON c.discussion_id = a.discussion_id
LEFT JOIN agent_runs AS t ON t.id = c.turn
WHERE a.id = $1
ORDER BY t.queued_at NULLS LAST, c.comment_id
LIMIT $2
