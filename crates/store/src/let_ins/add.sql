-- Lets words in; another text of the same words that was let in before is withdrawn first, because one counts at a time.
-- $1 id, $2 repository, $3 number, $4 kind, $5 id on GitHub, $6 and $7 author, $8 page, $9 hash, $10 text, $11 run,
-- $12 who, $13 to $16 the audit.
WITH edited AS (
    UPDATE let_ins SET withdrawn_by = $12, withdrawn_at = app_now()
    WHERE repository_id = $2 AND subject_number = $3 AND kind = $4 AND github_id = $5 AND withdrawn_at IS NULL
      AND sha256 <> $9
    RETURNING id
), made AS (
    INSERT INTO let_ins (id, repository_id, subject_number, kind, github_id, author_github_id, author_login, url, sha256,
                         text, run_id, let_in_by)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 WHERE (SELECT count(*) FROM edited) >= 0
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $13, $14, $15, $16, app_now() FROM made
