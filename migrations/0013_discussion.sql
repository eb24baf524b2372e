-- Discussions: what people say on an issue that carries mode:discussion, and what an agent answers. A run of kind
-- `discussion` a turn, each resuming the one before it; between turns there are these rows and nothing else.

CREATE TABLE discussions (
    id uuid PRIMARY KEY,
    repository_id uuid NOT NULL REFERENCES repositories,
    subject_number bigint NOT NULL,
    subject_title text NOT NULL,            -- of the issue, as the newest comment's event carried it
    subject_body text NOT NULL,
    subject_url text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT app_now(),
    heard_at timestamptz NOT NULL DEFAULT app_now(),    -- when somebody said something last
    ended_at timestamptz,
    ended_by text CHECK (ended_by IN ('issue_ended', 'unlabelled', 'stage', 'idle')),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX discussions_one_open ON discussions (repository_id, subject_number) WHERE ended_at IS NULL;

-- What was said, each comment once. Those without a turn are answered together by the next one.
CREATE TABLE discussion_comments (
    repository_id uuid NOT NULL REFERENCES repositories,
    comment_id bigint NOT NULL,             -- GitHub's
    discussion_id uuid NOT NULL REFERENCES discussions,
    delivery_id uuid NOT NULL REFERENCES webhook_deliveries,
    said_by uuid NOT NULL REFERENCES users,
    author_github_id bigint NOT NULL,
    author_login text NOT NULL,
    body text NOT NULL,                     -- exactly what the event carried
    url text NOT NULL,
    heard_at timestamptz NOT NULL DEFAULT app_now(),
    turn uuid REFERENCES agent_runs,        -- the run that answers it
    PRIMARY KEY (repository_id, comment_id)
);
CREATE INDEX discussion_comments_waiting ON discussion_comments (discussion_id) WHERE turn IS NULL;
CREATE INDEX discussion_comments_of_turn ON discussion_comments (turn) WHERE turn IS NOT NULL;

ALTER TABLE agent_runs ADD COLUMN discussion_id uuid REFERENCES discussions;
ALTER TABLE agent_runs ADD CONSTRAINT agent_runs_discussion_check
    CHECK ((kind = 'discussion') = (discussion_id IS NOT NULL)) NOT VALID;
CREATE INDEX agent_runs_of_discussion ON agent_runs (discussion_id, queued_at) WHERE discussion_id IS NOT NULL;
-- One turn at a time.
CREATE UNIQUE INDEX agent_runs_one_turn ON agent_runs (repository_id, subject_number)
    WHERE kind = 'discussion' AND status IN ('pending', 'running', 'waiting_mcp', 'waiting_backpressure');

-- A comment that is taken in is marked with a reaction, and answered by a comment.
ALTER TABLE outbound_actions DROP CONSTRAINT outbound_actions_kind_check;
ALTER TABLE outbound_actions ADD CONSTRAINT outbound_actions_kind_check
    CHECK (kind IN ('service_comment', 'refusal_comment', 'review_comment', 'answer_comment', 'reaction', 'labels'));

-- Only the work of a stage has a service comment: a review's word and an answer stand for themselves.
DROP TRIGGER service_comment_on_start ON agent_runs;
CREATE TRIGGER service_comment_on_start AFTER INSERT ON agent_runs FOR EACH ROW
    WHEN (NEW.kind = 'stage')
    EXECUTE FUNCTION want_service_comment();
DROP TRIGGER service_comment_on_change ON agent_runs;
CREATE TRIGGER service_comment_on_change AFTER UPDATE ON agent_runs FOR EACH ROW
    WHEN (NEW.kind = 'stage'
          AND (OLD.status, OLD.started_at IS NULL, OLD.attempts, OLD.pr_number)
              IS DISTINCT FROM (NEW.status, NEW.started_at IS NULL, NEW.attempts, NEW.pr_number))
    EXECUTE FUNCTION want_service_comment();
