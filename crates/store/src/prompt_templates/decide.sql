-- Moves a version to another state; what it replaces goes out of use first, because only one may be in use at a time.
-- $1 id, $2 the revision that was read, $3 the new state, $4 why, $5 who, $6 to $9 the audit.
WITH target AS (
    SELECT id, project_id, key, locale FROM prompt_templates WHERE id = $1 AND revision = $2 FOR UPDATE
), replaced AS (
    UPDATE prompt_templates AS t
    SET state = 'archived', revision = t.revision + 1, changed_at = app_now()
    FROM target
    WHERE $3 = 'active' AND t.state = 'active' AND t.id <> target.id
      AND t.project_id IS NOT DISTINCT FROM target.project_id AND t.key = target.key AND t.locale = target.locale
    RETURNING t.id
), decided AS (
    UPDATE prompt_templates AS t
    SET state = $3, reason = $4, decided_by = $5, decided_at = app_now(), revision = t.revision + 1,
        changed_at = app_now()
    FROM target
    WHERE t.id = target.id AND (SELECT count(*) FROM replaced) >= 0
    RETURNING t.id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $6, $7, $8, $9, app_now() FROM decided
