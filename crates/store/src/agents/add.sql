-- A project's own agent with its first policy. $1 id, $2 project, $3 name, $4 to $11 the policy, $12 author, $13 why,
-- $14 to $17 the audit.
WITH made AS (
    INSERT INTO agents (id, project_id, name) VALUES ($1, $2, $3) RETURNING id
), policy AS (
    INSERT INTO agent_policies (agent_id, version, responsibility, mode, rights, parallel_runs, time_limit_seconds,
                                namespace_ttl_seconds, tool_modes, tools_off, author, reason)
    SELECT id, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM made
    RETURNING agent_id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $14, $15, $16, $17, app_now() FROM policy
