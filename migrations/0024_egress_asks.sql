-- A host that was refused is asked about: a card for each run and host. What people decide is a grant, or a refusal for
-- good, in the list that they can withdraw from.
ALTER TABLE egress_grants
    ADD COLUMN role text,                       -- only for runs of this role
    ADD COLUMN run_id uuid REFERENCES agent_runs, -- only for this run
    ADD COLUMN expires_at timestamptz,          -- NULL: until it is withdrawn
    ADD COLUMN refuses boolean NOT NULL DEFAULT false, -- nobody reaches the host, and nobody is asked again
    ADD COLUMN tunnels bigint NOT NULL DEFAULT 0, -- that have ended
    ADD COLUMN bytes_sent bigint NOT NULL DEFAULT 0,
    ADD COLUMN bytes_received bigint NOT NULL DEFAULT 0,
    ADD COLUMN used_at timestamptz,
    ADD CONSTRAINT egress_grants_refusal CHECK (NOT refuses OR role IS NULL AND run_id IS NULL AND expires_at IS NULL);
DROP INDEX egress_grants_host;
CREATE UNIQUE INDEX egress_grants_scope ON egress_grants (project_id, host, role, run_id) NULLS NOT DISTINCT
    WHERE withdrawn_at IS NULL;

CREATE TABLE egress_requests (
    id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES agent_runs,
    project_id uuid NOT NULL REFERENCES projects,
    role text NOT NULL,
    host text NOT NULL,
    tries int NOT NULL DEFAULT 1,               -- how often the run tried
    requested_at timestamptz NOT NULL DEFAULT app_now(),
    expires_at timestamptz NOT NULL,
    decision text CHECK (decision IN ('once', 'role', 'project', 'never')),
    decided_at timestamptz,
    decided_by uuid REFERENCES users,
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE UNIQUE INDEX egress_requests_once ON egress_requests (run_id, host);
CREATE INDEX egress_requests_newest ON egress_requests (requested_at DESC, id DESC);
CREATE INDEX egress_requests_host ON egress_requests (project_id, host) WHERE decision IS NULL;

-- Whether a grant lets a run of this role reach its host at this moment.
CREATE FUNCTION grant_covers(g egress_grants, acting text, run uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT g.withdrawn_at IS NULL AND NOT g.refuses
       AND (g.role IS NULL OR g.role = acting)
       AND (g.run_id IS NULL OR g.run_id = run)
       AND (g.expires_at IS NULL OR g.expires_at > app_now())
$$;

-- Whether nobody of a project may reach a host.
CREATE FUNCTION host_is_refused(project uuid, asked text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (SELECT FROM egress_grants
                   WHERE project_id = project AND host = asked AND refuses AND withdrawn_at IS NULL)
$$;

-- The hosts that a run may reach. What is refused for good counts before what was granted.
CREATE FUNCTION egress_hosts(project uuid, acting text, run uuid) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT COALESCE(array_agg(DISTINCT g.host ORDER BY g.host), '{}') FROM egress_grants AS g
    WHERE g.project_id = project AND grant_covers(g, acting, run) AND NOT host_is_refused(project, g.host)
$$;
