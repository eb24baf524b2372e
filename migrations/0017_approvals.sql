-- What agents ask of people. A run that has asked ends its turn and waits without a pod: its row counts what is open, so
-- that parking, answering and expiry cannot miss each other.
CREATE TABLE approvals (
    id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES agent_runs,
    launch int NOT NULL,                        -- the launch that asked
    kind text NOT NULL CHECK (kind IN ('question')),
    tool text NOT NULL,
    asked jsonb NOT NULL,                       -- what people are shown, as it was asked
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'answered', 'expired', 'withdrawn')),
    answer jsonb,
    decided_by uuid REFERENCES users,           -- NULL: nobody did, or the run ended first
    decided_at timestamptz,
    told_launch int,                            -- the launch that was told what became of it
    requested_at timestamptz NOT NULL DEFAULT app_now(),
    expires_at timestamptz NOT NULL,
    CHECK ((state = 'requested') = (decided_at IS NULL)),
    CHECK ((state = 'answered') = (answer IS NOT NULL))
);
CREATE INDEX approvals_newest ON approvals (requested_at DESC, id DESC);
CREATE INDEX approvals_of_run ON approvals (run_id);
CREATE INDEX approvals_open ON approvals (expires_at) WHERE state = 'requested';

ALTER TABLE agent_runs
    ADD COLUMN requests_open int NOT NULL DEFAULT 0 CHECK (requests_open >= 0),
    ADD COLUMN requests_untold int NOT NULL DEFAULT 0 CHECK (requests_untold >= 0); -- open, or decided and not told yet

ALTER TABLE agent_runs DROP CONSTRAINT agent_runs_reported_outcome_check;
ALTER TABLE agent_runs ADD CONSTRAINT agent_runs_reported_outcome_check
    CHECK (reported_outcome IN ('succeeded', 'failed', 'waiting'));

-- Whether a run of this status has no pod that would have to save its work before it ends.
CREATE FUNCTION ends_at_once(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT status IN ('pending', 'waiting_backpressure', 'waiting_mcp') $$;

-- What a run asked ends with it, whichever statement ended it.
CREATE FUNCTION withdraw_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE approvals SET state = 'withdrawn', decided_at = app_now() WHERE run_id = NEW.id AND state = 'requested';
    RETURN NULL;
END $$;
CREATE TRIGGER withdraw_requests AFTER UPDATE ON agent_runs FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL AND NEW.requests_open > 0)
    EXECUTE FUNCTION withdraw_requests();
