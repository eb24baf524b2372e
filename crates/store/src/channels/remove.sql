-- A channel is taken away; what was decided through it keeps its name. $1 id, $2 to $5 the audit.
WITH removed AS (
    UPDATE channels SET removed_at = app_now() WHERE id = $1 AND removed_at IS NULL RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $2, $3, $4, $5, app_now() FROM removed
