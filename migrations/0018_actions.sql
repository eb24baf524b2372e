-- Beside questions, agents ask for leave to act. An approval counts for exactly what its digest covers, is decided once,
-- and is carried out under a lease: a worker that dies in the middle is followed by another that does the same again.
ALTER TABLE approvals
    DROP CONSTRAINT approvals_kind_check,
    DROP CONSTRAINT approvals_state_check,
    DROP CONSTRAINT approvals_check1;
ALTER TABLE approvals
    ADD COLUMN mode text CHECK (mode IN ('delegated', 'owner')),    -- who may approve, as it was when it was asked
    ADD COLUMN digest text CHECK (digest ~ '^[0-9a-f]{64}$'),       -- of what will be done and what it is about
    ADD COLUMN begun boolean NOT NULL DEFAULT false,                -- something of it may be done already
    ADD COLUMN outcome text,                                        -- why it is not done
    ADD COLUMN settled_at timestamptz,                              -- when the effect was there, or given up
    ADD COLUMN attempts int NOT NULL DEFAULT 0,                     -- tries that failed
    ADD COLUMN not_before timestamptz NOT NULL DEFAULT app_now(),
    ADD COLUMN lease_owner text,
    ADD COLUMN lease_token bigint NOT NULL DEFAULT 0,
    ADD COLUMN lease_expires_at timestamptz,
    ADD CONSTRAINT approvals_kind_check CHECK (kind IN ('question', 'action')),
    ADD CONSTRAINT approvals_state_check CHECK (
        state IN ('requested', 'expired', 'withdrawn')
        OR kind = 'question' AND state = 'answered'
        OR kind = 'action' AND state IN ('approved', 'applying', 'applied', 'failed', 'unknown', 'denied', 'stale')),
    ADD CONSTRAINT approvals_action CHECK ((kind = 'action') = (mode IS NOT NULL AND digest IS NOT NULL)),
    ADD CONSTRAINT approvals_answered CHECK (state <> 'answered' OR answer IS NOT NULL);
CREATE INDEX approvals_to_apply ON approvals (decided_at) WHERE state IN ('approved', 'applying');

-- Whether nothing more becomes of a request of this state, so that its agent can be told.
CREATE FUNCTION request_is_over(state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT state NOT IN ('requested', 'approved', 'applying') $$;

-- What a run asked ends with it, but for what is being done already.
CREATE OR REPLACE FUNCTION withdraw_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE approvals SET state = 'withdrawn', decided_at = COALESCE(decided_at, app_now())
    WHERE run_id = NEW.id AND state IN ('requested', 'approved');
    RETURN NULL;
END $$;

-- Labels that an agent put on it may take off again.
ALTER TABLE agent_runs ADD COLUMN labels_set text[] NOT NULL DEFAULT '{}';

-- Labels that a project lets its agents move without asking.
ALTER TABLE projects ADD COLUMN agent_labels text[] NOT NULL DEFAULT '{}';
-- What a run has put on and not taken off, after one more change.
CREATE FUNCTION labels_after(labels text[], put_on text[], taken_off text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT COALESCE(array_agg(DISTINCT label), '{}') FROM unnest(labels || put_on) AS label WHERE label <> ALL (taken_off) $$;
