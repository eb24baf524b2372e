-- The accounts that try and make changes in a run's namespace are made when its agent tries the first one: a row here is
-- the wish, for whichever worker sees it first.
CREATE TABLE change_accounts (
    run_id uuid PRIMARY KEY REFERENCES agent_runs,
    until timestamptz NOT NULL   -- nobody waits for them any more then
);

-- Whether a run of this status works or will, as domain::run says. The planner puts the body in its place, so that it uses
-- the indexes of active runs, whose predicates are the same.
CREATE FUNCTION run_is_active(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT status IN ('pending', 'running', 'waiting_mcp', 'waiting_backpressure') $$;

-- A run that waits for people goes on when nothing that it asked is open any more, whichever statement closed the last.
CREATE FUNCTION goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.status := 'pending';
    NEW.not_before := app_now();
    RETURN NEW;
END $$;
CREATE TRIGGER goes_on BEFORE UPDATE OF requests_open ON agent_runs FOR EACH ROW
    WHEN (NEW.status = 'waiting_mcp' AND NEW.requests_open = 0)
    EXECUTE FUNCTION goes_on();
