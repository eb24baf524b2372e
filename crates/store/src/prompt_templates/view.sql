-- Versions of templates, newest first. $1 one of them, or else: $2 project, $3 whether those for every project count too,
-- $4 keys, $5 languages, $6 states; $7 with texts, $8 the limit.
SELECT t.id, t.project_id, t.key, t.locale AS "locale: Coded<Locale>", t.version,
       t.state AS "state: Coded<TemplateState>", CASE WHEN $7 THEN t.text ELSE '' END AS "text!",
       COALESCE(u.login, u.email) AS "author!", t.reason, COALESCE(d.login, d.email) AS decided_by, t.decided_at,
       t.revision, t.created_at, t.changed_at
FROM prompt_templates AS t
JOIN users AS u ON u.id = t.author
LEFT JOIN users AS d ON d.id = t.decided_by
WHERE ($1::uuid IS NULL OR t.id = $1)
  AND ($1 IS NOT NULL OR t.project_id IS NOT DISTINCT FROM $2 OR ($3 AND t.project_id IS NULL))
  AND ($4::text[] IS NULL OR t.key = ANY ($4))
  AND ($5::text[] IS NULL OR t.locale = ANY ($5))
  AND ($6::text[] IS NULL OR t.state = ANY ($6))
ORDER BY t.version DESC
LIMIT $8
