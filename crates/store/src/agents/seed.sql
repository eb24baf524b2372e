-- The platform's roles with their first policy, where they are missing. $1 to $7 are the roles' columns.
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::int[], $7::int[])
        AS role (id, name, mode, parallel_runs, rights, time_limit_seconds, namespace_ttl_seconds)
), made AS (
    INSERT INTO agents (id, name) SELECT id, name FROM wanted
    ON CONFLICT (name) WHERE project_id IS NULL AND removed_at IS NULL DO NOTHING
    RETURNING id
)
INSERT INTO agent_policies (agent_id, version, mode, parallel_runs, rights, time_limit_seconds, namespace_ttl_seconds)
SELECT id, 1, mode, parallel_runs, string_to_array(rights, ','), time_limit_seconds, namespace_ttl_seconds
FROM wanted JOIN made USING (id)
