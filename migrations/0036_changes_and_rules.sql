-- Agents ask for changes of their environment on installations that were there before that right was, and what several
-- statements said each in its own words.

-- The platform's roles whose policy is still the one they began with get the right that they begin with today, as a newer
-- version. What people have written stays.
INSERT INTO agent_policies (agent_id, version, mode, parallel_runs, rights, time_limit_seconds, namespace_ttl_seconds,
                            responsibility, tool_modes, tools_off, reason)
SELECT seeded.agent_id, 2, seeded.mode, seeded.parallel_runs, array_append(seeded.rights, 'change'),
       seeded.time_limit_seconds, seeded.namespace_ttl_seconds, seeded.responsibility, seeded.tool_modes, seeded.tools_off,
       'This role may ask for changes of its environment'
FROM agent_policies AS seeded JOIN agents AS a ON a.id = seeded.agent_id
WHERE a.project_id IS NULL AND a.removed_at IS NULL AND a.name IN ('dev', 'qa', 'sre')
  AND seeded.version = 1 AND seeded.author IS NULL AND seeded.mode = 'full_env' AND NOT 'change' = ANY (seeded.rights)
  AND NOT EXISTS (SELECT FROM agent_policies AS newer WHERE newer.agent_id = seeded.agent_id AND newer.version > 1);

-- The accounts that try and make changes in a run's namespace are made when its agent tries the first one: a row here is
-- the wish, for whichever worker sees it first.
CREATE TABLE change_accounts (
    run_id uuid PRIMARY KEY REFERENCES agent_runs,
    until timestamptz NOT NULL   -- nobody waits for them any more then
);

-- Whether a run of this status works or will, as domain::run says. The planner puts the body in its place, so that it uses
-- the indexes of active runs, whose predicates are the same.
CREATE FUNCTION run_is_active(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT status IN ('pending', 'running', 'waiting_mcp', 'waiting_backpressure') $$;

-- A run that waits for people goes on when nothing that it asked is open any more, whichever statement closed the last.
CREATE FUNCTION goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.status := 'pending';
    NEW.not_before := app_now();
    RETURN NEW;
END $$;
CREATE TRIGGER goes_on BEFORE UPDATE OF requests_open ON agent_runs FOR EACH ROW
    WHEN (NEW.status = 'waiting_mcp' AND NEW.requests_open = 0)
    EXECUTE FUNCTION goes_on();
