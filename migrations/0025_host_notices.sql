-- A host that an agent was refused waits for whoever manages its project, so they are told.
ALTER TABLE notices
    ADD COLUMN egress_request_id uuid REFERENCES egress_requests,   -- the host that an agent tries
    DROP CONSTRAINT notices_kind_check,
    ADD CONSTRAINT notices_kind_check CHECK (kind IN ('question', 'action', 'host', 'work_waits', 'run_failed', 'canary',
        'completion', 'next_step', 'status_update', 'warning')),
    ADD CONSTRAINT notices_host CHECK ((kind = 'host') = (egress_request_id IS NOT NULL));
ALTER TABLE notification_choices
    DROP CONSTRAINT notification_choices_kind_check,
    ADD CONSTRAINT notification_choices_kind_check CHECK (kind IN ('question', 'action', 'host', 'work_waits', 'run_failed',
        'canary', 'completion', 'next_step', 'status_update', 'warning'));

CREATE OR REPLACE FUNCTION is_told(kind text, mode text, platform_role text, project_role text, started_it boolean)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT platform_role IN ('owner', 'admin') OR CASE project_role
                  WHEN 'admin' THEN true
                  WHEN 'read_write' THEN CASE kind WHEN 'action' THEN COALESCE(mode = 'delegated', false)
                                                   WHEN 'host' THEN false
                                                   ELSE started_it END
                  ELSE false END $$;

-- A host needs a person until it is decided.
CREATE FUNCTION notice_host() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO notices (id, run_id, kind, egress_request_id) VALUES (NEW.id, NEW.run_id, 'host', NEW.id)
        ON CONFLICT DO NOTHING;
    ELSE
        PERFORM settle_notice(NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER notice_host AFTER INSERT ON egress_requests FOR EACH ROW EXECUTE FUNCTION notice_host();
CREATE TRIGGER notice_host_decided AFTER UPDATE ON egress_requests FOR EACH ROW
    WHEN (OLD.decision IS NULL AND NEW.decision IS NOT NULL)
    EXECUTE FUNCTION notice_host();
