-- The accounts that try and make changes in a run's namespace are made when its agent tries the first one: a row here is
-- the wish, for whichever worker sees it first.
CREATE TABLE change_accounts (
    run_id uuid PRIMARY KEY REFERENCES agent_runs,
    until timestamptz NOT NULL   -- nobody waits for them any more then
);
