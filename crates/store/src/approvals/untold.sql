-- What became of a run's requests that its session does not know yet: not told, or told by a launch of which no session
-- was kept since.
SELECT p.id, p.asked AS "asked: Json<Asked>", p.state AS "state: Coded<ApprovalState>",
       p.answer AS "answer: Json<Answer>", u.login AS "decided_by?",
       c.name AS "decided_through?", p.outcome, p.result
FROM approvals AS p
LEFT JOIN agent_sessions AS s ON s.run_id = p.run_id
LEFT JOIN users AS u ON u.id = p.decided_by
LEFT JOIN channels AS c ON c.id = p.decided_through
WHERE p.run_id = $1 AND request_is_over(p.state) AND p.state <> 'withdrawn'
  AND (p.told_launch IS NULL OR s.launch IS NULL OR p.told_launch > s.launch
       OR p.told_launch = s.launch AND s.kept_at < p.told_at)
ORDER BY p.requested_at, p.id
