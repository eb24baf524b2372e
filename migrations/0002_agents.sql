-- Agents and what they may do, and how many runs there may be at once.

-- The platform's own roles (no project) and a project's own agents. The roles' rows are written from the catalogue when
-- the migrations run; what an agent may do is its newest policy.
CREATE TABLE agents (
    id uuid PRIMARY KEY,
    project_id uuid REFERENCES projects,
    name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9-]{0,28}[a-z0-9]$'),
    created_at timestamptz NOT NULL DEFAULT app_now(),
    removed_at timestamptz
);
CREATE UNIQUE INDEX agents_role ON agents (name) WHERE project_id IS NULL AND removed_at IS NULL;
CREATE UNIQUE INDEX agents_of_project ON agents (project_id, name) WHERE removed_at IS NULL;

CREATE TABLE agent_policies (
    agent_id uuid NOT NULL REFERENCES agents,
    version int NOT NULL,
    mode text NOT NULL CHECK (mode IN ('code_only', 'full_env')),
    parallel_runs int NOT NULL CHECK (parallel_runs > 0),   -- of one project
    rights text[] NOT NULL,
    time_limit_seconds int NOT NULL CHECK (time_limit_seconds > 0),
    namespace_ttl_seconds int NOT NULL CHECK (namespace_ttl_seconds >= 0),
    author uuid REFERENCES users,                           -- NULL: the platform's own
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT app_now(),
    PRIMARY KEY (agent_id, version)
);

-- Who acts under this name in a project, with the newest policy: the project's own agent, else the platform's role.
CREATE FUNCTION agent_policy(project uuid, role text) RETURNS SETOF agent_policies LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT policy.* FROM agents AS a JOIN agent_policies AS policy ON policy.agent_id = a.id
       WHERE a.name = role AND (a.project_id = project OR a.project_id IS NULL) AND a.removed_at IS NULL
       ORDER BY a.project_id NULLS LAST, policy.version DESC LIMIT 1 $$;

-- A run that runs holds three places: of its role in its project, of its project, of the platform. Two claims at once
-- cannot take the same one.
ALTER TABLE agent_runs
    ADD COLUMN role_slot int,
    ADD COLUMN project_slot int,
    ADD COLUMN platform_slot int;
CREATE UNIQUE INDEX agent_runs_role_slot ON agent_runs (project_id, role, role_slot) WHERE status = 'running';
CREATE UNIQUE INDEX agent_runs_project_slot ON agent_runs (project_id, project_slot) WHERE status = 'running';
CREATE UNIQUE INDEX agent_runs_platform_slot ON agent_runs (platform_slot) WHERE status = 'running';

-- The lowest place that is free, if there is one among the first `most`.
CREATE FUNCTION free_slot(taken int[], most int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT min(slot) FROM (SELECT 1 AS slot UNION ALL SELECT one + 1 FROM unnest(taken) AS one) AS candidates
       WHERE slot <= most AND slot <> ALL (taken) $$;

-- The places that a waiting run would take; NULL where there is none.
CREATE FUNCTION free_slots(run agent_runs, OUT of_role int, OUT of_project int, OUT of_platform int)
    LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT free_slot(ARRAY(SELECT a.role_slot FROM agent_runs AS a
                              WHERE a.status = 'running' AND a.project_id = run.project_id AND a.role = run.role
                                AND a.role_slot IS NOT NULL),
                        (SELECT policy.parallel_runs FROM agent_policy(run.project_id, run.role) AS policy)),
              free_slot(ARRAY(SELECT a.project_slot FROM agent_runs AS a
                              WHERE a.status = 'running' AND a.project_id = run.project_id
                                AND a.project_slot IS NOT NULL),
                        (limits.value ->> 'project_parallel_runs')::int),
              free_slot(ARRAY(SELECT a.platform_slot FROM agent_runs AS a
                              WHERE a.status = 'running' AND a.platform_slot IS NOT NULL),
                        (limits.value ->> 'platform_parallel_runs')::int)
       FROM system_settings AS limits WHERE limits.key = 'run_limits' $$;

UPDATE system_settings SET value = value || '{"project_parallel_runs": 6, "platform_parallel_runs": 12}'
WHERE key = 'run_limits';
