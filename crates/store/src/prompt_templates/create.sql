-- The next version of a place, as a draft. $1 id, $2 project, $3 key, $4 locale, $5 text, $6 author, $7 to $11 the audit.
WITH made AS (
    INSERT INTO prompt_templates (id, project_id, key, locale, version, state, text, author)
    SELECT $1, $2, $3, $4, COALESCE(max(version), 0) + 1, 'draft', $5, $6
    FROM prompt_templates WHERE project_id IS NOT DISTINCT FROM $2 AND key = $3 AND locale = $4
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $7, $8, $9, $10, app_now() FROM made
