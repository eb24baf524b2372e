-- Takes a project's own agent away; its policies stay readable in the audit's rows. $1 agent, $2 to $5 the audit.
WITH removed AS (
    UPDATE agents SET removed_at = app_now() WHERE id = $1 AND project_id IS NOT NULL AND removed_at IS NULL RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $2, $3, $4, $5, app_now() FROM removed
