-- What a run's codex session needs beside itself to go on in another pod.

-- The newest snapshot of a run's working tree: the commits that were not pushed, and everything that was not committed.
CREATE TABLE agent_worktrees (
    run_id uuid PRIMARY KEY REFERENCES agent_runs,
    launch int NOT NULL,
    version bigint NOT NULL,
    sha256 text NOT NULL,
    size bigint NOT NULL,                   -- bytes of the bundle before sealing
    bundle_sealed bytea NOT NULL,           -- AAD: agent_worktrees/<run id>/bundle
    kept_at timestamptz NOT NULL DEFAULT app_now()
);

-- What is sealed does not get smaller, so trying costs time alone.
ALTER TABLE agent_worktrees ALTER COLUMN bundle_sealed SET STORAGE EXTERNAL;
ALTER TABLE agent_sessions ALTER COLUMN snapshot_sealed SET STORAGE EXTERNAL;

-- The earlier run whose session this one continues, until it has one of its own.
ALTER TABLE agent_runs ADD COLUMN resumes uuid REFERENCES agent_runs CHECK (resumes <> id);
