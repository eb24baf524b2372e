-- Another text for a draft. $1 id, $2 the revision that was read, $3 text, $4 author, $5 to $8 the audit.
WITH edited AS (
    UPDATE prompt_templates
    SET text = $3, author = $4, revision = revision + 1, changed_at = app_now()
    WHERE id = $1 AND revision = $2 AND state = 'draft'
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $5, $6, $7, $8, app_now() FROM edited
