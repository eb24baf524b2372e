-- Decides about a host. What is decided for a role or a project answers the same question of its other runs. $1 the
-- question, $2 what is decided, $3 who, $4 id of the grant, $5 seconds that a role's grant lasts. Answers whose questions
-- these were.
WITH meant AS (
    SELECT * FROM egress_requests WHERE id = $1 AND decision IS NULL AND expires_at > app_now() FOR UPDATE
), covered AS (
    SELECT r.id FROM egress_requests AS r
    JOIN meant ON r.project_id = meant.project_id AND r.host = meant.host AND r.decision IS NULL
    WHERE r.id = meant.id OR $2 IN ('project', 'never') OR ($2 = 'role' AND r.role = meant.role)
    ORDER BY r.id FOR UPDATE OF r
), settled AS (
    UPDATE egress_requests SET decision = $2, decided_at = app_now(), decided_by = $3
    FROM covered WHERE egress_requests.id = covered.id AND decision IS NULL
    RETURNING run_id
), listed AS (
    INSERT INTO egress_grants (id, project_id, host, created_by, role, run_id, expires_at, refuses)
    SELECT $4, project_id, host, $3,
           CASE WHEN $2 = 'role' THEN role END,
           CASE WHEN $2 = 'once' THEN run_id END,
           CASE WHEN $2 = 'role' THEN app_now() + make_interval(secs => $5) END,
           $2 = 'never'
    FROM meant
    ON CONFLICT (project_id, host, role, run_id) WHERE withdrawn_at IS NULL
    DO UPDATE SET created_by = EXCLUDED.created_by, created_at = app_now(), expires_at = EXCLUDED.expires_at,
                  refuses = EXCLUDED.refuses
)
SELECT DISTINCT run_id FROM settled
