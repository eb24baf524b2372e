-- A system of others asks people, once for each id. Its integration's row is locked, so that its withdrawal is not missed. $1
-- id, $2 integration, $3 kind, $4 the other side's id, $5 digest, $6 what is asked, $7 the sealed address of the answer, $8
-- seconds that people have, $9 how many may be open, $10 to $13 the audit.
WITH asker AS (
    SELECT id, project_id FROM integrations WHERE id = $2 AND withdrawn_at IS NULL FOR NO KEY UPDATE
), asked AS (
    INSERT INTO integration_requests (id, integration_id, project_id, kind, correlation_id, digest, asked, callback_sealed,
                                      expires_at)
    SELECT $1, id, project_id, $3, $4, $5, $6, $7, app_now() + make_interval(secs => $8)
    FROM asker
    WHERE (SELECT count(*) FROM integration_requests AS q
           WHERE q.integration_id = asker.id AND q.state = 'requested' AND q.expires_at > app_now()) < $9
    ON CONFLICT (integration_id, kind, correlation_id) DO NOTHING
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $10, $11, $12, $13, app_now() FROM asked
