-- How long namespaces live: kept by a label, and owned by one run at a time.

-- Issues and pull requests on which the label lies that keeps the namespaces of their runs.
CREATE TABLE kept_namespaces (
    repository_id uuid NOT NULL REFERENCES repositories,
    subject_number bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT app_now(),
    PRIMARY KEY (repository_id, subject_number)
);

-- Whether a label keeps the namespace of a run, whenever the run began and however it ended.
CREATE FUNCTION namespace_kept(run agent_runs) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT EXISTS (SELECT FROM kept_namespaces AS k
                      WHERE k.repository_id = run.repository_id
                        AND k.subject_number IN (run.subject_number, run.pr_number)) $$;

-- A namespace belongs to one run at a time: a revise takes it over from the run whose work it continues.
CREATE UNIQUE INDEX agent_runs_one_owner ON agent_runs (namespace_uid) WHERE namespace_uid IS NOT NULL;

-- When the namespace was first found hanging in its removal: its run says so once.
ALTER TABLE agent_runs ADD COLUMN namespace_stuck_at timestamptz;
