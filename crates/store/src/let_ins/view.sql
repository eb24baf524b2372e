-- Words that are let in, newest first. $1 one of them, $2 those of a project, $3 and $4 those on pages of a repository;
-- $5 and $6 after the last row of the page before, $7 the limit.
SELECT l.id, r.project_id, l.repository_id, r.full_name AS repository, l.subject_number,
       l.kind AS "kind: Coded<WordsKind>", l.github_id, l.author_github_id, l.author_login, l.url, l.sha256, l.text,
       l.run_id, COALESCE(u.login, u.email) AS "let_in_by!", l.let_in_at
FROM let_ins AS l
JOIN repositories AS r ON r.id = l.repository_id
JOIN users AS u ON u.id = l.let_in_by
WHERE l.withdrawn_at IS NULL AND r.state <> 'disconnected'
  AND ($1::uuid IS NULL OR l.id = $1)
  AND ($2::uuid IS NULL OR r.project_id = $2)
  AND ($3::uuid IS NULL OR (l.repository_id = $3 AND l.subject_number = ANY ($4)))
  AND ($5::timestamptz IS NULL OR (l.let_in_at, l.id) < ($5, $6))
ORDER BY l.let_in_at DESC, l.id DESC
LIMIT $7
