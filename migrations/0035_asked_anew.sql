-- A host is asked about once while nobody has decided. What somebody decided and was taken back since, or ran out, is asked
-- anew when the same run tries again.
DROP INDEX egress_requests_once;
CREATE UNIQUE INDEX egress_requests_once ON egress_requests (run_id, host) WHERE decision IS NULL;
CREATE INDEX egress_requests_of_run ON egress_requests (run_id, host, requested_at DESC);

-- A label that comes while people are asked changes who may decide (approvals.mode). Channels that speak for nobody who may
-- are not waited for any more, others are asked now; one that was asked before is asked anew, and what it
-- holds of the first time is worth nothing. People who may not decide any more need not be reminded, those who may now are told.
CREATE FUNCTION ask_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE channel_requests AS q SET state = 'withdrawn', ended_at = app_now()
    FROM channels AS c
    WHERE q.request_id = NEW.id AND q.state IN ('queued', 'asked') AND c.id = q.channel_id
      AND NOT channel_hears(c.kind, c.speaks_for, NEW.kind, NEW.mode);

    DELETE FROM channel_tries AS try USING channel_requests AS q, channels AS c
    WHERE q.request_id = NEW.id AND q.state = 'withdrawn' AND try.channel_request_id = q.id AND c.id = q.channel_id
      AND c.enabled AND c.removed_at IS NULL AND channel_hears(c.kind, c.speaks_for, NEW.kind, NEW.mode);
    INSERT INTO channel_requests AS q (request_id, channel_id)
    SELECT NEW.id, c.id
    FROM agent_runs AS a JOIN channels AS c ON c.project_id = a.project_id
    WHERE a.id = NEW.run_id AND c.enabled AND c.removed_at IS NULL
      AND channel_hears(c.kind, c.speaks_for, NEW.kind, NEW.mode)
    ON CONFLICT (request_id, channel_id) DO UPDATE
    SET state = 'queued', attempts = 0, trouble = NULL, not_before = app_now(), lease_token = q.lease_token + 1,
        lease_expires_at = NULL, asked_at = NULL, answer_by = NULL, ended_at = NULL
    WHERE q.state = 'withdrawn';

    WITH people AS (
        SELECT u.id, is_told('action', OLD.mode, u.platform_role, m.role, a.started_by = u.id) AS told_before,
               is_told('action', NEW.mode, u.platform_role, m.role, a.started_by = u.id) AS told_now,
               COALESCE(c.wanted, wanted_by_default('action')) AS wanted
        FROM agent_runs AS a
        CROSS JOIN users AS u
        LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = u.id
        LEFT JOIN notification_choices AS c ON c.user_id = u.id AND c.kind = 'action'
        WHERE a.id = NEW.run_id AND u.removed_at IS NULL
    ), spared AS (
        UPDATE notifications AS n SET read_at = app_now()
        FROM people WHERE n.notice_id = NEW.id AND n.user_id = people.id AND told_before AND NOT told_now AND n.read_at IS NULL
    )
    INSERT INTO notifications (user_id, notice_id, at)
    SELECT people.id, n.id, app_now() FROM people JOIN notices AS n ON n.id = NEW.id
    WHERE told_now AND NOT told_before AND wanted
    ON CONFLICT (user_id, notice_id) DO UPDATE SET read_at = NULL, at = EXCLUDED.at;
    RETURN NULL;
END $$;
-- A value that whoever approves has to type cannot come by a channel.
CREATE TRIGGER ask_others AFTER UPDATE ON approvals FOR EACH ROW
    WHEN (OLD.state = 'requested' AND NEW.state = 'requested' AND OLD.mode IS DISTINCT FROM NEW.mode
          AND NEW.asked #>> '{effect,policy}' IS DISTINCT FROM 'provided')
    EXECUTE FUNCTION ask_others();

-- A channel is tried with a request of its own, which nobody asked and which decides nothing; otherwise it goes the way of
-- the others.
ALTER TABLE channel_requests
    ALTER COLUMN request_id DROP NOT NULL,      -- NULL: the channel is tried
    ADD COLUMN tried_by uuid REFERENCES users,  -- who has it tried
    ADD COLUMN answer jsonb,                    -- what came back of that
    ADD CONSTRAINT channel_requests_trial CHECK ((request_id IS NULL) = (tried_by IS NOT NULL)),
    ADD CONSTRAINT channel_requests_answer
        CHECK ((answer IS NOT NULL) = (request_id IS NULL AND state = 'answered'));
CREATE UNIQUE INDEX channel_requests_one_trial ON channel_requests (channel_id)
    WHERE request_id IS NULL AND ended_at IS NULL;
