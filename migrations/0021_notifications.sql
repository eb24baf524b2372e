-- What people are told: a notice is written once for what raises it, in the statement that causes it, and everybody who may
-- act on it and wants to hear of it has a notification of their own.
CREATE TABLE notices (
    id uuid PRIMARY KEY,                        -- made of its cause, so that the same cause is told once
    run_id uuid NOT NULL REFERENCES agent_runs,
    kind text NOT NULL CHECK (kind IN ('question', 'action', 'work_waits', 'run_failed', 'canary', 'completion', 'next_step',
        'status_update', 'warning')),
    request_id uuid REFERENCES approvals,       -- what an agent asks
    summary text,                               -- what an agent says of its own accord
    details text,
    at timestamptz NOT NULL DEFAULT app_now(),
    CHECK ((kind IN ('question', 'action')) = (request_id IS NOT NULL)),
    CHECK ((kind IN ('completion', 'next_step', 'status_update', 'warning')) = (summary IS NOT NULL))
);
CREATE INDEX notices_of_run ON notices (run_id, at);

CREATE TABLE notifications (
    user_id uuid NOT NULL REFERENCES users,
    notice_id uuid NOT NULL REFERENCES notices,
    at timestamptz NOT NULL,
    read_at timestamptz,                        -- by its reader, or when nothing was left to do about it
    PRIMARY KEY (user_id, notice_id)
);
CREATE INDEX notifications_newest ON notifications (user_id, at DESC, notice_id DESC);
CREATE INDEX notifications_unread ON notifications (user_id, at DESC, notice_id DESC) WHERE read_at IS NULL;
CREATE INDEX notifications_of_notice ON notifications (notice_id) WHERE read_at IS NULL;

-- Only what somebody has chosen; for the rest the default counts.
CREATE TABLE notification_choices (
    user_id uuid NOT NULL REFERENCES users,
    kind text NOT NULL CHECK (kind IN ('question', 'action', 'work_waits', 'run_failed', 'canary', 'completion', 'next_step',
        'status_update', 'warning')),
    wanted boolean NOT NULL,
    PRIMARY KEY (user_id, kind)
);

-- The tables of domain::notices, for the statements below; a test compares them.
CREATE FUNCTION is_told(kind text, mode text, platform_role text, project_role text, started_it boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT platform_role IN ('owner', 'admin') OR CASE project_role
                  WHEN 'admin' THEN true
                  WHEN 'read_write' THEN CASE kind WHEN 'action' THEN COALESCE(mode = 'delegated', false) ELSE started_it END
                  ELSE false END $$;
CREATE FUNCTION wanted_by_default(kind text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT kind <> 'status_update' $$;

-- The id of a notice about a run that can be raised once.
CREATE FUNCTION notice_about(run uuid, kind text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT md5('notice:' || run || ':' || kind)::uuid $$;

CREATE FUNCTION tell_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notifications (user_id, notice_id, at)
    SELECT u.id, NEW.id, NEW.at
    FROM agent_runs AS a
    CROSS JOIN users AS u
    LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = u.id
    LEFT JOIN approvals AS p ON p.id = NEW.request_id
    LEFT JOIN notification_choices AS c ON c.user_id = u.id AND c.kind = NEW.kind
    WHERE a.id = NEW.run_id AND u.removed_at IS NULL
      AND is_told(NEW.kind, p.mode, u.platform_role, m.role, a.started_by = u.id)
      AND COALESCE(c.wanted, wanted_by_default(NEW.kind));
    RETURN NULL;
END $$;
CREATE TRIGGER tell_people AFTER INSERT ON notices FOR EACH ROW EXECUTE FUNCTION tell_people();

-- What is settled needs nobody any more. Whoever reads it in this moment is not waited for: they read it.
CREATE FUNCTION settle_notice(settled uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE notifications SET read_at = app_now()
    WHERE (user_id, notice_id) IN (SELECT user_id, notice_id FROM notifications
                                   WHERE notice_id = settled AND read_at IS NULL FOR UPDATE SKIP LOCKED)
$$;

-- A request needs a person until it is decided.
CREATE FUNCTION notice_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO notices (id, run_id, kind, request_id) VALUES (NEW.id, NEW.run_id, NEW.kind, NEW.id)
        ON CONFLICT DO NOTHING;
    ELSE
        PERFORM settle_notice(NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER notice_request AFTER INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION notice_request();
CREATE TRIGGER notice_decision AFTER UPDATE ON approvals FOR EACH ROW
    WHEN (OLD.state = 'requested' AND NEW.state <> 'requested')
    EXECUTE FUNCTION notice_request();

CREATE INDEX agent_runs_reviewing ON agent_runs (reviews) WHERE reviews IS NOT NULL AND finished_at IS NULL;

-- In one place for all statements that move a run.
CREATE FUNCTION notice_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.tripped_at IS NOT NULL AND OLD.tripped_at IS NULL THEN
        INSERT INTO notices (id, run_id, kind) VALUES (notice_about(NEW.id, 'canary'), NEW.id, 'canary')
        ON CONFLICT DO NOTHING;
    ELSIF NEW.status IN ('failed', 'timed_out') AND NEW.status <> OLD.status THEN
        INSERT INTO notices (id, run_id, kind) VALUES (notice_about(NEW.id, 'run_failed'), NEW.id, 'run_failed')
        ON CONFLICT DO NOTHING;
    END IF;
    -- Handed in, or looked at by a second role: from then on the owner is waited for.
    IF NEW.status = 'waiting_owner_review' OR NEW.reviews IS NOT NULL AND NEW.finished_at IS NOT NULL THEN
        INSERT INTO notices (id, run_id, kind)
        SELECT notice_about(a.id, 'work_waits'), a.id, 'work_waits'
        FROM agent_runs AS a
        WHERE a.id IN (NEW.id, NEW.reviews) AND a.status = 'waiting_owner_review'
          AND NOT EXISTS (SELECT FROM agent_runs AS review WHERE review.reviews = a.id AND review.finished_at IS NULL)
        ON CONFLICT DO NOTHING;
    END IF;
    IF OLD.status = 'waiting_owner_review' AND NEW.status <> OLD.status THEN
        PERFORM settle_notice(notice_about(NEW.id, 'work_waits'));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER notice_run AFTER UPDATE ON agent_runs FOR EACH ROW
    WHEN ((OLD.status, OLD.tripped_at IS NULL) IS DISTINCT FROM (NEW.status, NEW.tripped_at IS NULL))
    EXECUTE FUNCTION notice_run();
