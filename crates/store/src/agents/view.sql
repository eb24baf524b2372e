-- Agents with their policies, the platform's roles first. $1 those that act in a project, its own in the place of roles of
-- the same name, or else $2 one of them; $3 with every version of the policy, newest first, and not the newest alone.
WITH acting AS (
    SELECT DISTINCT ON (a.name) a.id, a.project_id, a.name FROM agents AS a
    WHERE a.removed_at IS NULL
      AND ($2::uuid IS NULL AND (a.project_id = $1 OR a.project_id IS NULL) OR a.id = $2)
    ORDER BY a.name, a.project_id NULLS LAST
)
SELECT a.id AS "id!", a.project_id, a.name AS "name!", policy.version AS "version!",
       policy.responsibility AS "responsibility!", policy.mode AS "mode!: Coded<Mode>",
       policy.rights AS "rights!: Vec<Coded<Right>>", policy.parallel_runs AS "parallel_runs!",
       policy.time_limit_seconds AS "time_limit_seconds!", policy.namespace_ttl_seconds AS "namespace_ttl_seconds!",
       policy.tool_modes AS "tool_modes!: Json<ToolModes>", policy.tools_off AS "tools_off!",
       COALESCE(u.login, u.email) AS "author?", policy.reason AS "reason!", policy.created_at AS "created_at!"
FROM acting AS a
JOIN agent_policies AS policy ON policy.agent_id = a.id
LEFT JOIN users AS u ON u.id = policy.author
WHERE $3 OR NOT EXISTS (SELECT FROM agent_policies AS newer
                        WHERE newer.agent_id = a.id AND newer.version > policy.version)
ORDER BY a.project_id NULLS FIRST, a.name, policy.version DESC
LIMIT 1000
