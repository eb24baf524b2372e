-- Integrations: systems of others that may ask a project's people. Only a hash of the token is kept.
CREATE TABLE integrations (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    name text NOT NULL,
    asks text[] NOT NULL CHECK (asks <@ ARRAY['approval', 'execution'] AND cardinality(asks) > 0),
    token_hash bytea NOT NULL UNIQUE,
    created_by uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    used_at timestamptz,
    withdrawn_at timestamptz
);
CREATE UNIQUE INDEX integrations_name ON integrations (project_id, lower(name)) WHERE withdrawn_at IS NULL;

-- What they ask. It is decided once, and then the other side is called back until it knows.
CREATE TABLE integration_requests (
    id uuid PRIMARY KEY,
    integration_id uuid NOT NULL REFERENCES integrations,
    project_id uuid NOT NULL REFERENCES projects,
    kind text NOT NULL CHECK (kind IN ('approval', 'execution')),
    correlation_id text NOT NULL,               -- the other side's own
    digest bytea NOT NULL,                      -- of the body that was sent
    asked jsonb NOT NULL,                       -- what people are shown
    callback_sealed bytea NOT NULL,             -- the address may hold a secret of the other side
    state text NOT NULL DEFAULT 'requested' CHECK (
        state IN ('requested', 'expired')
        OR kind = 'approval' AND state IN ('approved', 'denied')
        OR kind = 'execution' AND state = 'answered'),
    answer jsonb,                               -- the answer, or the words with which it was denied
    decided_by uuid REFERENCES users,           -- NULL: nobody did in time
    decided_at timestamptz,
    requested_at timestamptz NOT NULL DEFAULT app_now(),
    expires_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT app_now(),
    telling text CHECK (telling IN ('queued', 'told', 'failed')),
    attempts int NOT NULL DEFAULT 0,            -- tries to tell that failed
    trouble text,                               -- why the last try failed
    not_before timestamptz NOT NULL DEFAULT app_now(),
    lease_token bigint NOT NULL DEFAULT 0,
    lease_expires_at timestamptz,
    CHECK ((state = 'requested') = (decided_at IS NULL)),
    CHECK ((state = 'requested') = (telling IS NULL)),
    CHECK (state <> 'answered' OR answer IS NOT NULL)
);
CREATE UNIQUE INDEX integration_requests_once ON integration_requests (integration_id, kind, correlation_id);
CREATE INDEX integration_requests_newest ON integration_requests (requested_at DESC, id DESC);
CREATE INDEX integration_requests_changed ON integration_requests (project_id, changed_at DESC);
CREATE INDEX integration_requests_open ON integration_requests (expires_at) WHERE state = 'requested';
CREATE INDEX integration_requests_queued ON integration_requests (not_before) WHERE telling = 'queued';

-- Such a request waits for whoever manages the project, so they are told. It is about no run.
ALTER TABLE notices
    ALTER COLUMN run_id DROP NOT NULL,
    ADD COLUMN integration_request_id uuid REFERENCES integration_requests,
    DROP CONSTRAINT notices_kind_check,
    ADD CONSTRAINT notices_kind_check CHECK (kind IN ('question', 'action', 'host', 'outside', 'work_waits', 'run_failed',
        'canary', 'completion', 'next_step', 'status_update', 'warning')),
    ADD CONSTRAINT notices_outside CHECK (
        (kind = 'outside') = (integration_request_id IS NOT NULL) AND (kind = 'outside') = (run_id IS NULL));
ALTER TABLE notification_choices
    DROP CONSTRAINT notification_choices_kind_check,
    ADD CONSTRAINT notification_choices_kind_check CHECK (kind IN ('question', 'action', 'host', 'outside', 'work_waits',
        'run_failed', 'canary', 'completion', 'next_step', 'status_update', 'warning'));

CREATE OR REPLACE FUNCTION is_told(kind text, mode text, platform_role text, project_role text, started_it boolean)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT platform_role IN ('owner', 'admin') OR CASE project_role
                  WHEN 'admin' THEN true
                  WHEN 'read_write' THEN CASE WHEN kind = 'action' THEN COALESCE(mode = 'delegated', false)
                                              WHEN kind IN ('host', 'outside') THEN false
                                              ELSE started_it END
                  ELSE false END $$;

CREATE OR REPLACE FUNCTION tell_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notifications (user_id, notice_id, at)
    SELECT u.id, NEW.id, NEW.at
    FROM (SELECT a.project_id, a.started_by FROM agent_runs AS a WHERE a.id = NEW.run_id
          UNION ALL
          SELECT q.project_id, NULL FROM integration_requests AS q WHERE q.id = NEW.integration_request_id) AS about
    CROSS JOIN users AS u
    LEFT JOIN project_members AS m ON m.project_id = about.project_id AND m.user_id = u.id
    LEFT JOIN approvals AS p ON p.id = NEW.request_id
    LEFT JOIN notification_choices AS c ON c.user_id = u.id AND c.kind = NEW.kind
    WHERE u.removed_at IS NULL
      AND is_told(NEW.kind, p.mode, u.platform_role, m.role, COALESCE(about.started_by = u.id, false))
      AND COALESCE(c.wanted, wanted_by_default(NEW.kind));
    RETURN NULL;
END $$;

-- It needs a person until it is decided.
CREATE FUNCTION notice_outside() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO notices (id, kind, integration_request_id) VALUES (NEW.id, 'outside', NEW.id) ON CONFLICT DO NOTHING;
    ELSE
        PERFORM settle_notice(NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER notice_outside AFTER INSERT ON integration_requests FOR EACH ROW EXECUTE FUNCTION notice_outside();
CREATE TRIGGER notice_outside_decided AFTER UPDATE ON integration_requests FOR EACH ROW
    WHEN (OLD.state = 'requested' AND NEW.state <> 'requested')
    EXECUTE FUNCTION notice_outside();
