-- A comment of a discussion, which begins with it where none is open on the issue, and the eyes that tell its author. A
-- discussion that ends in this moment is no conflict any more when its end is committed, so another one begins.
WITH discussion AS (
    INSERT INTO discussions (id, repository_id, subject_number, subject_title, subject_body, subject_url)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (repository_id, subject_number) WHERE ended_at IS NULL
    DO UPDATE SET heard_at = app_now(), subject_title = EXCLUDED.subject_title, subject_body = EXCLUDED.subject_body,
                  subject_url = EXCLUDED.subject_url
    RETURNING id
), heard AS (
    INSERT INTO discussion_comments (repository_id, comment_id, discussion_id, delivery_id, said_by, author_github_id,
                                     author_login, body, url)
    SELECT $2, $7, id, $8, $9, $10, $11, $12, $13 FROM discussion
    ON CONFLICT DO NOTHING
    RETURNING comment_id
)
INSERT INTO outbound_actions (id, kind, repository_id, subject_number, dedupe_key, payload)
SELECT $14, 'reaction', $2, $3, 'comment:' || $2 || ':' || comment_id || ':eyes',
       jsonb_build_object('comment', comment_id, 'content', 'eyes')
FROM heard
ON CONFLICT (dedupe_key) DO NOTHING
