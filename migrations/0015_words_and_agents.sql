-- Words of people who may not write to a repository that somebody let in: exactly these, until they are withdrawn.
CREATE TABLE let_ins (
    id uuid PRIMARY KEY,
    repository_id uuid NOT NULL REFERENCES repositories,
    subject_number bigint NOT NULL,             -- the issue or pull request on whose page they stand
    kind text NOT NULL CHECK (kind IN ('pull_request', 'review', 'line', 'comment')),
    github_id bigint NOT NULL,                  -- among those of their kind; of a pull request, its number
    author_github_id bigint,                    -- NULL: the account is gone
    author_login text NOT NULL,
    url text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),  -- of the text as GitHub had it: an edit is not let in
    text text NOT NULL,                         -- as it was shown to whoever let it in, with everything hidden marked
    run_id uuid NOT NULL REFERENCES agent_runs, -- from whose prompt it was left out
    let_in_by uuid NOT NULL REFERENCES users,
    let_in_at timestamptz NOT NULL DEFAULT app_now(),
    withdrawn_by uuid REFERENCES users,
    withdrawn_at timestamptz,
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
-- One text of the same words counts at a time; and every prompt asks for those of its pull request.
CREATE UNIQUE INDEX let_ins_standing ON let_ins (repository_id, subject_number, kind, github_id)
    WHERE withdrawn_at IS NULL;
CREATE INDEX let_ins_newest ON let_ins (let_in_at DESC, id DESC) WHERE withdrawn_at IS NULL;

-- What an agent is there for, in words for people; of the platform's roles, the catalogue says it.
ALTER TABLE agent_policies ADD COLUMN responsibility text NOT NULL DEFAULT '' CHECK (length(responsibility) <= 500);
