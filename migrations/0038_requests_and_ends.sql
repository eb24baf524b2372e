-- When an agent was told: what it knew is lost when its session was last kept before that.
ALTER TABLE approvals ADD COLUMN told_at timestamptz;

-- What a run asked ends with it, but for what is begun: some of that may be done already.
CREATE OR REPLACE FUNCTION withdraw_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE approvals SET state = 'withdrawn', decided_at = COALESCE(decided_at, app_now()), lease_expires_at = NULL
    WHERE run_id = NEW.id AND (state IN ('requested', 'approved') OR state = 'applying' AND NOT begun);
    RETURN NULL;
END $$;
