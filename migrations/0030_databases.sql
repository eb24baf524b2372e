-- Databases that agents have made for the applications of their projects, on a server beside the platform's own. A row is
-- what makes a database somebody's; its name is taken for as long as it is not deleted.
ALTER TABLE project_environments
    ADD COLUMN allows_databases boolean NOT NULL DEFAULT false;     -- agents may ask for leave to make databases there

CREATE TABLE project_databases (
    id uuid PRIMARY KEY,                        -- that of the request that made it
    project_id uuid NOT NULL REFERENCES projects,
    environment_id uuid NOT NULL REFERENCES project_environments,
    name text NOT NULL CHECK (name ~ '^[a-zA-Z_][a-zA-Z0-9_-]{0,62}$'),
    state text NOT NULL DEFAULT 'creating' CHECK (state IN ('creating', 'ready', 'deleting', 'deleted')),
    changed_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE UNIQUE INDEX project_databases_name ON project_databases (name) WHERE state <> 'deleted';
