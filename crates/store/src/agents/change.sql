-- The next version of a policy, if the newest is still the one that was read. $1 agent, $2 that version, $3 to $10 the
-- policy, $11 author, $12 why, $13 to $16 the audit.
WITH policy AS (
    INSERT INTO agent_policies (agent_id, version, responsibility, mode, rights, parallel_runs, time_limit_seconds,
                                namespace_ttl_seconds, tool_modes, tools_off, author, reason)
    SELECT a.id, $2 + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM agents AS a
    WHERE a.id = $1 AND a.removed_at IS NULL
      AND (SELECT max(version) FROM agent_policies WHERE agent_id = a.id) = $2
    RETURNING agent_id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $13, $14, $15, $16, app_now() FROM policy
