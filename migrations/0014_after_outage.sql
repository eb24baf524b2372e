-- What is found after an outage is taken in like a delivery, and what several statements said each in its own words.

-- Nobody delivered it: the platform asked GitHub.
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_source_check;
ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_source_check
    CHECK (source IN ('webhook', 'delivery_log', 'console', 'github_api'));

-- Whether a run of this status waits until a worker takes it up. The planner puts the body in its place, so that it uses
-- the index agent_runs_queue, whose predicate is the same.
CREATE FUNCTION waits_for_claim(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT status IN ('pending', 'waiting_backpressure') $$;

-- The checks of a repository with a finding laid over the one of this name, which keeps what it is needed for and its
-- place; NULL takes it away.
CREATE FUNCTION checks_with(checks jsonb, check_name text, finding jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT COALESCE(jsonb_agg(CASE WHEN known ->> 'name' = check_name
                                      THEN (known - '{remedy,files,unread}'::text[]) || finding ELSE known END ORDER BY place)
                       FILTER (WHERE finding IS NOT NULL OR known ->> 'name' <> check_name), '[]')
              || CASE WHEN finding IS NULL OR checks @> jsonb_build_array(jsonb_build_object('name', check_name)) THEN '[]'
                      ELSE jsonb_build_array(jsonb_build_object('name', check_name) || finding) END
       FROM jsonb_array_elements(checks) WITH ORDINALITY AS listed (known, place) $$;
