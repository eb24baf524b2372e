-- Limits of GitHub and of the model: who waits for one to pass, and how much was written to GitHub lately.

-- A parked run is due again at not_before. Its time limit stands still meanwhile.
ALTER TABLE agent_runs
    ADD COLUMN parked_by text CHECK (parked_by IN ('github', 'model')),
    ADD COLUMN parked_at timestamptz,
    ADD COLUMN parked_detail text,
    ADD COLUMN time_left interval,              -- of its time limit, while it is parked
    ADD COLUMN model_limited_until timestamptz; -- the model's last answer was a limit; NULL: it was not

DROP INDEX agent_runs_queue;
CREATE INDEX agent_runs_queue ON agent_runs (priority DESC, queued_at, id)
    WHERE status IN ('pending', 'waiting_backpressure');
CREATE INDEX agent_runs_model_limited ON agent_runs (model, not_before)
    WHERE status = 'waiting_backpressure' AND parked_by = 'model';

-- Until when launches of a model would meet its limit, as far as runs have met it; NULL: no run has.
CREATE FUNCTION model_limited_until(wanted text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT max(not_before) FROM agent_runs
       WHERE status = 'waiting_backpressure' AND parked_by = 'model' AND model = wanted AND not_before > app_now() $$;

-- What the platform's accounts wrote on GitHub in the last hour: GitHub counts by account.
CREATE TABLE forge_writes (
    account bigint NOT NULL,                    -- the account's numeric id
    at timestamptz NOT NULL,
    writes int NOT NULL CHECK (writes > 0)
);
CREATE INDEX forge_writes_of_account ON forge_writes (account, at);
