-- Channels: services of others through which people are asked beside the console. An approver shows what an agent wants to
-- do, an executor what it wants to know.
CREATE TABLE channels (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    kind text NOT NULL CHECK (kind IN ('approver', 'executor')),
    name text NOT NULL,
    url text NOT NULL,                          -- /approve or /execute is put below it
    locale text NOT NULL CHECK (locale IN ('en', 'ru')),
    timeout_seconds int NOT NULL CHECK (timeout_seconds BETWEEN 60 AND 259200),
    speaks_for text NOT NULL CHECK (speaks_for IN ('owner', 'delegated')), -- who answers there, as who set it up says
    enabled boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    created_by uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    changed_by uuid REFERENCES users,
    changed_at timestamptz,
    removed_at timestamptz,
    CHECK (kind = 'approver' OR speaks_for = 'owner')
);
CREATE UNIQUE INDEX channels_name ON channels (project_id, lower(name)) WHERE removed_at IS NULL;

-- One request on its way through one channel.
CREATE TABLE channel_requests (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    request_id uuid NOT NULL REFERENCES approvals,
    channel_id uuid NOT NULL REFERENCES channels,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'asked', 'answered', 'expired', 'failed', 'withdrawn')),
    attempts int NOT NULL DEFAULT 0,            -- tries that failed
    trouble text,                               -- why the last try failed, or why nothing came of it
    not_before timestamptz NOT NULL DEFAULT app_now(),
    lease_token bigint NOT NULL DEFAULT 0,
    lease_expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app_now(),
    asked_at timestamptz,                       -- when the other side took it
    answer_by timestamptz,                      -- then nothing is expected of the other side any more
    ended_at timestamptz,
    CHECK ((state IN ('queued', 'asked')) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX channel_requests_once ON channel_requests (request_id, channel_id);
CREATE INDEX channel_requests_newest ON channel_requests (channel_id, created_at DESC);
CREATE INDEX channel_requests_queued ON channel_requests (not_before) WHERE state = 'queued';
CREATE INDEX channel_requests_asked ON channel_requests (answer_by) WHERE state = 'asked';

-- Each try has an id and a secret of its own, because the other side may have kept an earlier id. Whoever answers to any of
-- them answers the same request.
CREATE TABLE channel_tries (
    id uuid PRIMARY KEY,                        -- the correlation id
    channel_request_id uuid NOT NULL REFERENCES channel_requests,
    secret_hash bytea NOT NULL UNIQUE,
    at timestamptz NOT NULL DEFAULT app_now()
);

-- The table of domain::channels, for the statements below; a test compares them.
CREATE FUNCTION channel_hears(channel text, speaks_for text, kind text, mode text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT CASE channel WHEN 'executor' THEN kind = 'question' AND speaks_for = 'owner'
                           ELSE kind = 'action' AND COALESCE(mode = 'delegated' OR mode = 'owner' AND speaks_for = 'owner', false)
              END $$;

-- Whatever statement makes a request has it asked through every channel that may answer it, and whatever statement decides
-- it takes it back from all of them.
CREATE FUNCTION ask_channels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO channel_requests (request_id, channel_id)
        SELECT NEW.id, c.id
        FROM agent_runs AS a JOIN channels AS c ON c.project_id = a.project_id
        WHERE a.id = NEW.run_id AND c.enabled AND c.removed_at IS NULL
          AND channel_hears(c.kind, c.speaks_for, NEW.kind, NEW.mode);
    ELSE
        UPDATE channel_requests SET state = 'withdrawn', ended_at = app_now()
        WHERE request_id = NEW.id AND state IN ('queued', 'asked');
    END IF;
    RETURN NULL;
END $$;
-- A value that whoever approves has to type cannot come by a channel.
CREATE TRIGGER ask_channels AFTER INSERT ON approvals FOR EACH ROW
    WHEN (NEW.state = 'requested' AND NEW.asked #>> '{effect,policy}' IS DISTINCT FROM 'provided')
    EXECUTE FUNCTION ask_channels();
CREATE TRIGGER hush_channels AFTER UPDATE ON approvals FOR EACH ROW
    WHEN (OLD.state = 'requested' AND NEW.state <> 'requested')
    EXECUTE FUNCTION ask_channels();

-- A channel that is another now, is silent or is gone is not waited for: whoever holds one of its secrets decides nothing.
CREATE FUNCTION hush_channel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE channel_requests SET state = 'withdrawn', ended_at = app_now()
    WHERE channel_id = NEW.id AND state IN ('queued', 'asked');
    RETURN NULL;
END $$;
CREATE TRIGGER hush_channel AFTER UPDATE ON channels FOR EACH ROW
    WHEN ((OLD.url, OLD.speaks_for) IS DISTINCT FROM (NEW.url, NEW.speaks_for) OR NOT NEW.enabled OR NEW.removed_at IS NOT NULL)
    EXECUTE FUNCTION hush_channel();

-- Who decided is a person, or somebody at the other end of a channel.
ALTER TABLE approvals
    ADD COLUMN decided_through uuid REFERENCES channels,
    ADD CONSTRAINT approvals_decider CHECK (decided_by IS NULL OR decided_through IS NULL);
