-- The platform's foundation: people, projects, repositories, the delivery ledger, runs and what they leave behind.
-- Ids are made by the services (version 7), never here, so that any PostgreSQL from 15 on will do.
-- Time is read through app_now() only: the database's clock is the platform's clock, and tests can shift it.

CREATE TABLE clock_shift (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    shift interval NOT NULL DEFAULT '0'
);
INSERT INTO clock_shift DEFAULT VALUES;

CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT statement_timestamp() + shift FROM clock_shift $$;

CREATE TABLE system_settings (
    key text PRIMARY KEY,
    value jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT app_now()
);
-- Models are data: an owner changes the list without a release.
INSERT INTO system_settings (key, value) VALUES
    ('models', '{"default": "gpt-5.5", "allowed": ["gpt-5.5", "gpt-5.6-sol", "gpt-6-sol", "gpt-6.1-sol"]}'),
    ('run_limits', '{"time_limit_seconds": 3600, "namespace_ttl_seconds": 86400}');

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    github_id bigint UNIQUE,
    login text,
    name text,
    platform_role text NOT NULL CHECK (platform_role IN ('owner', 'admin', 'member')),
    created_at timestamptz NOT NULL DEFAULT app_now(),
    last_seen_at timestamptz,
    removed_at timestamptz
);
CREATE UNIQUE INDEX users_email ON users (lower(email)) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX users_one_owner ON users (platform_role) WHERE platform_role = 'owner' AND removed_at IS NULL;

CREATE TABLE staff_sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    secret_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    last_used_at timestamptz NOT NULL DEFAULT app_now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX staff_sessions_user ON staff_sessions (user_id);

CREATE TABLE projects (
    id uuid PRIMARY KEY,
    slug text NOT NULL CHECK (slug ~ '^[a-z][a-z0-9-]{0,28}[a-z0-9]$'),
    name text NOT NULL,
    locale text NOT NULL DEFAULT 'en' CHECK (locale IN ('en', 'ru')),
    model text,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    removed_at timestamptz
);
CREATE UNIQUE INDEX projects_slug ON projects (slug) WHERE removed_at IS NULL;

CREATE TABLE project_members (
    project_id uuid NOT NULL REFERENCES projects,
    user_id uuid NOT NULL REFERENCES users,
    role text NOT NULL CHECK (role IN ('admin', 'read_write', 'read')),
    created_at timestamptz NOT NULL DEFAULT app_now(),
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX project_members_user ON project_members (user_id);

CREATE TABLE repositories (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    github_id bigint NOT NULL,
    full_name text NOT NULL,
    web_url text NOT NULL,
    default_branch text NOT NULL,
    bot_github_id bigint NOT NULL,
    bot_login text NOT NULL,
    token_sealed bytea NOT NULL,            -- AAD: repositories/<id>/token
    hook_id bigint,
    state text NOT NULL CHECK (state IN ('connected', 'broken', 'disconnected')),
    checks jsonb NOT NULL DEFAULT '[]',
    checked_at timestamptz,
    deliveries_seen_until timestamptz,      -- GitHub's delivery log was read up to here
    connected_at timestamptz NOT NULL DEFAULT app_now(),
    disconnected_at timestamptz
);
CREATE UNIQUE INDEX repositories_bound_once ON repositories (github_id) WHERE state <> 'disconnected';
CREATE INDEX repositories_project ON repositories (project_id);

CREATE TABLE egress_grants (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    host text NOT NULL,
    note text NOT NULL DEFAULT '',
    created_by uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    withdrawn_at timestamptz,
    withdrawn_by uuid REFERENCES users
);
CREATE UNIQUE INDEX egress_grants_host ON egress_grants (project_id, host) WHERE withdrawn_at IS NULL;

-- The ledger: each delivery once, with what was decided and why. Three ways to recognise a repeat: GitHub's id of the
-- delivery, the bytes of the body, and the event's own key.
CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY,
    delivery_guid text NOT NULL UNIQUE,
    body_sha256 bytea NOT NULL UNIQUE,
    event_key text COLLATE "C" UNIQUE,
    event text NOT NULL,
    action text,
    repository_id uuid REFERENCES repositories,
    repository_full_name text,
    subject_number bigint,
    label text,
    sender_github_id bigint,
    sender_login text,
    decision text NOT NULL CHECK (decision IN ('accepted', 'effected', 'ignored')),
    reason text,
    run_id uuid,
    correlation_id uuid NOT NULL,
    source text NOT NULL CHECK (source IN ('webhook', 'delivery_log')),
    payload jsonb NOT NULL,
    duplicates bigint NOT NULL DEFAULT 0,
    received_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (received_at DESC, id DESC);
CREATE INDEX webhook_deliveries_repository ON webhook_deliveries (repository_id, received_at DESC, id DESC);

CREATE TABLE agent_runs (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    repository_id uuid NOT NULL REFERENCES repositories,
    subject_number bigint NOT NULL,
    subject_title text NOT NULL,
    subject_body text NOT NULL,             -- exactly what the event carried
    subject_url text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('stage', 'review', 'discussion')),
    stage text NOT NULL,
    role text NOT NULL,
    locale text NOT NULL,
    model text NOT NULL,
    effort text,
    branch text NOT NULL,
    base_branch text NOT NULL,
    namespace text NOT NULL,
    delivery_id uuid NOT NULL REFERENCES webhook_deliveries,
    correlation_id uuid NOT NULL,
    started_by uuid NOT NULL REFERENCES users,
    started_by_login text NOT NULL,

    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'waiting_mcp',
        'waiting_owner_review', 'waiting_backpressure', 'succeeded', 'failed', 'timed_out', 'cancelled')),
    reason text CHECK (reason IN ('image_pull', 'unschedulable', 'quota', 'admission_denied', 'oom', 'evicted',
        'vanished', 'timeout', 'cancelled', 'stale', 'budget', 'approval_denied', 'write_scope', 'canary',
        'egress_open', 'agent_error', 'infra_error', 'failed_precondition')),
    reason_detail text,
    priority int NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT app_now(),
    queued_at timestamptz NOT NULL DEFAULT app_now(),

    lease_owner text,
    lease_token bigint NOT NULL DEFAULT 0,  -- grows with every claim and fences writes
    lease_expires_at timestamptz,
    launch int NOT NULL DEFAULT 0,          -- grows with every new Job and names it
    attempts int NOT NULL DEFAULT 0,        -- failed launches only
    launch_open boolean NOT NULL DEFAULT false, -- the current launch has not failed: whoever takes over adopts it
    job_uid uuid,                           -- of the current launch's Job
    namespace_uid uuid,
    namespace_expires_at timestamptz,
    namespace_deleted_at timestamptz,

    time_limit_seconds int NOT NULL,
    namespace_ttl_seconds int NOT NULL,
    deadline_at timestamptz,
    cancel_requested_at timestamptz,
    cancel_requested_by text,
    claimed_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,

    prompt text,
    prompt_sha256 text,
    prompt_version text,
    phase text,
    last_words text,
    last_beat_at timestamptz,
    reported_outcome text CHECK (reported_outcome IN ('succeeded', 'failed')),
    reported_reason text,
    reported_detail text,
    reported_launch int,
    last_word jsonb,
    head_sha text,
    pr_number bigint,
    pr_url text,

    flow_seq bigint NOT NULL DEFAULT 0,
    flow_head bytea NOT NULL DEFAULT '\x',
    version bigint NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT app_now(),
    CHECK ((status IN ('succeeded', 'failed', 'timed_out', 'cancelled')) = (finished_at IS NOT NULL))
);
-- One active run an issue: what turns the loser of two simultaneous labels into run_already_active.
CREATE UNIQUE INDEX agent_runs_one_active ON agent_runs (repository_id, subject_number)
    WHERE kind = 'stage' AND status IN ('pending', 'running', 'waiting_mcp', 'waiting_backpressure');
CREATE INDEX agent_runs_queue ON agent_runs (priority DESC, queued_at, id) WHERE status = 'pending';
CREATE INDEX agent_runs_leased ON agent_runs (lease_expires_at) WHERE status = 'running';
CREATE INDEX agent_runs_newest ON agent_runs (queued_at DESC, id DESC);
CREATE INDEX agent_runs_changed ON agent_runs (changed_at);
CREATE INDEX agent_runs_namespaces ON agent_runs (namespace_expires_at)
    WHERE namespace_uid IS NOT NULL AND namespace_deleted_at IS NULL;

ALTER TABLE webhook_deliveries ADD FOREIGN KEY (run_id) REFERENCES agent_runs;

CREATE TABLE run_tokens (
    run_id uuid NOT NULL REFERENCES agent_runs,
    launch int NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, launch)
);

-- The agent's own stream. `position` orders a run's events across its launches.
CREATE TABLE run_events (
    run_id uuid NOT NULL REFERENCES agent_runs,
    launch int NOT NULL,
    seq bigint NOT NULL,
    position bigint NOT NULL GENERATED ALWAYS AS (launch::bigint * 1000000000 + seq) STORED,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    item text,
    exit_code int,
    PRIMARY KEY (run_id, launch, seq)
) PARTITION BY HASH (run_id);
CREATE TABLE run_events_0 PARTITION OF run_events FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE run_events_1 PARTITION OF run_events FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE run_events_2 PARTITION OF run_events FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE run_events_3 PARTITION OF run_events FOR VALUES WITH (MODULUS 4, REMAINDER 3);

CREATE TABLE agent_sessions (
    run_id uuid PRIMARY KEY REFERENCES agent_runs,
    launch int NOT NULL,
    version bigint NOT NULL,
    session_id uuid NOT NULL,
    path text NOT NULL,
    sha256 text NOT NULL,
    snapshot_sealed bytea NOT NULL,         -- AAD: agent_sessions/<run id>/snapshot
    kept_at timestamptz NOT NULL DEFAULT app_now()
);

CREATE TABLE token_usage (
    call_id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES agent_runs,
    launch int NOT NULL,
    model text NOT NULL,
    input_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    estimated boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX token_usage_run ON token_usage (run_id);

-- Append-only audit, hash-chained per run: hash = sha256(previous hash, sequence number, time, canonical bytes).
-- The chain's head lives on the run's row and moves in the same UPDATE, so the chain cannot fork.
CREATE TABLE flow_events (
    id uuid PRIMARY KEY,
    run_id uuid REFERENCES agent_runs,
    seq bigint,
    kind text NOT NULL,
    actor text NOT NULL,
    correlation_id uuid,
    data jsonb NOT NULL,
    hash bytea,
    at timestamptz NOT NULL,
    UNIQUE (run_id, seq)
);
CREATE INDEX flow_events_at ON flow_events (at);

CREATE FUNCTION flow_hash(head bytea, seq bigint, at timestamptz, canonical bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT sha256(head || int8send(seq) || int8send((extract(epoch FROM at) * 1000000)::bigint) || canonical) $$;

CREATE TABLE links (
    run_id uuid NOT NULL REFERENCES agent_runs,
    kind text NOT NULL CHECK (kind IN ('issue', 'pull_request', 'branch')),
    target text NOT NULL,
    url text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    PRIMARY KEY (run_id, kind, target)
);

-- Calls that must reach GitHub. A row says what should be true there; the worker makes it so, once or more often.
CREATE TABLE outbound_actions (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('service_comment', 'refusal_comment', 'labels')),
    repository_id uuid NOT NULL REFERENCES repositories,
    subject_number bigint NOT NULL,
    run_id uuid REFERENCES agent_runs,
    dedupe_key text NOT NULL UNIQUE,
    payload jsonb NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    wanted_version bigint NOT NULL DEFAULT 1,   -- grows when what is wanted changes while it is being delivered
    attempts int NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT app_now(),
    lease_owner text,
    lease_token bigint NOT NULL DEFAULT 0,
    lease_expires_at timestamptz,
    external_id bigint,                         -- the comment's id on GitHub
    last_error text,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    done_at timestamptz
);
CREATE INDEX outbound_actions_due ON outbound_actions (not_before, created_at) WHERE state = 'pending';

-- The run's service comment is wanted anew whenever something that it tells has changed. In one place for all
-- statements that move a run; the worker renders the comment from the run as it is when it delivers.
CREATE FUNCTION want_service_comment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbound_actions (id, kind, repository_id, subject_number, run_id, dedupe_key, payload)
    VALUES (gen_random_uuid(), 'service_comment', NEW.repository_id, NEW.subject_number, NEW.id,
            'run:' || NEW.id || ':comment', '{}')
    ON CONFLICT (dedupe_key) DO UPDATE
        SET state = 'pending', attempts = 0, not_before = app_now(),
            wanted_version = outbound_actions.wanted_version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER service_comment_on_start AFTER INSERT ON agent_runs
    FOR EACH ROW EXECUTE FUNCTION want_service_comment();
CREATE TRIGGER service_comment_on_change AFTER UPDATE ON agent_runs FOR EACH ROW
    WHEN ((OLD.status, OLD.started_at IS NULL, OLD.attempts, OLD.pr_number)
          IS DISTINCT FROM (NEW.status, NEW.started_at IS NULL, NEW.attempts, NEW.pr_number))
    EXECUTE FUNCTION want_service_comment();
