-- What agents are told: the parts of every run's prompt, and the templates that people write.

ALTER TABLE agent_runs
    ADD COLUMN prompt_segments jsonb;   -- in their order, with those that were kept from the agent

-- The platform's language, where a project's has no text.
INSERT INTO system_settings (key, value) VALUES ('locale', '"en"');

-- What stands in the place of the platform's own text, for every project or for one. At most one version of a place is
-- in use, and at most one is being written.
CREATE TABLE prompt_templates (
    id uuid PRIMARY KEY,
    project_id uuid REFERENCES projects,            -- NULL: for every project
    key text NOT NULL CHECK (key ~ '^(task-[a-z][a-z0-9-]*-(work|review)|stage-[a-z-]+)$'),
    locale text NOT NULL CHECK (locale IN ('en', 'ru')),
    version int NOT NULL CHECK (version > 0),       -- its number among those of its place
    state text NOT NULL CHECK (state IN ('draft', 'active', 'archived')),
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 20000),
    author uuid NOT NULL REFERENCES users,          -- who wrote it last
    reason text NOT NULL DEFAULT '',                -- of the last decision about it
    decided_by uuid REFERENCES users,
    decided_at timestamptz,
    revision bigint NOT NULL DEFAULT 1,             -- grows with each change
    created_at timestamptz NOT NULL DEFAULT app_now(),
    changed_at timestamptz NOT NULL DEFAULT app_now(),
    UNIQUE NULLS NOT DISTINCT (project_id, key, locale, version)
);
CREATE UNIQUE INDEX prompt_templates_one_active ON prompt_templates (project_id, key, locale) NULLS NOT DISTINCT
    WHERE state = 'active';
CREATE UNIQUE INDEX prompt_templates_one_draft ON prompt_templates (project_id, key, locale) NULLS NOT DISTINCT
    WHERE state = 'draft';
