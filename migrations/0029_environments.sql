-- Environments of a project: places that its applications run in, for which agents may prepare things when people let
-- them. The namespace of one follows from the names of project and environment and is stored nowhere.
CREATE TABLE project_environments (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    name text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$'),
    kind text NOT NULL CHECK (kind IN ('development', 'staging', 'production')),
    allows_secrets boolean NOT NULL,            -- agents may ask for leave to sync secrets there
    version bigint NOT NULL DEFAULT 1,
    changed_by uuid NOT NULL REFERENCES users,
    changed_at timestamptz NOT NULL DEFAULT app_now(),
    removed_at timestamptz
);
CREATE UNIQUE INDEX project_environments_name ON project_environments (project_id, name) WHERE removed_at IS NULL;

-- The value of a secret on its way: typed by whoever approved, or decided by whoever does it before anything is done. It is
-- sealed for its request, and gone with the statement that says that nothing more becomes of it.
ALTER TABLE approvals
    ADD COLUMN value_sealed bytea,
    ADD COLUMN plan jsonb,                      -- what was found before the first touch, and so what each step comes to
    ADD CONSTRAINT approvals_value CHECK (value_sealed IS NULL OR state IN ('approved', 'applying'));

CREATE FUNCTION drop_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.value_sealed := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER drop_value BEFORE UPDATE ON approvals FOR EACH ROW
    WHEN (NEW.value_sealed IS NOT NULL AND NEW.state NOT IN ('approved', 'applying'))
    EXECUTE FUNCTION drop_value();

-- Which secrets were synced before.
CREATE INDEX approvals_secrets ON approvals ((asked #>> '{effect,namespace}'), (asked #>> '{effect,github_secret}'))
    WHERE state = 'applied' AND asked #>> '{effect,does}' = 'secret';
