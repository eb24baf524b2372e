-- How runs of one issue follow each other: revises, reviews, and what people decide about a pull request.

ALTER TABLE agent_runs
    ADD COLUMN trigger_label text,          -- the label that started it and goes when it ends; NULL: no label did
    ADD COLUMN trigger_subject bigint,      -- the issue or pull request where that label lies
    ADD COLUMN revises boolean NOT NULL DEFAULT false,  -- the work of `resumes` once more, on its branch
    ADD COLUMN handed_in_at timestamptz,    -- since then its work waits for its owner, or did
    ADD COLUMN reviews uuid REFERENCES agent_runs CHECK (reviews <> id);    -- the run whose work a review looks at
UPDATE agent_runs SET trigger_label = 'run:' || stage, trigger_subject = subject_number WHERE kind = 'stage';

CREATE INDEX agent_runs_of_pull ON agent_runs (repository_id, pr_number) WHERE pr_number IS NOT NULL;
CREATE INDEX agent_runs_of_issue ON agent_runs (repository_id, subject_number, queued_at DESC);
CREATE UNIQUE INDEX agent_runs_one_review ON agent_runs (repository_id, pr_number)
    WHERE kind = 'review' AND status IN ('pending', 'running', 'waiting_mcp', 'waiting_backpressure');

-- Whether finished work is looked at by a second role before the owner is asked.
ALTER TABLE projects ADD COLUMN pre_review boolean NOT NULL DEFAULT true;

-- A comment with what a review found stands beside the service comment.
ALTER TABLE outbound_actions DROP CONSTRAINT outbound_actions_kind_check;
ALTER TABLE outbound_actions ADD CONSTRAINT outbound_actions_kind_check
    CHECK (kind IN ('service_comment', 'refusal_comment', 'review_comment', 'labels'));

-- What a review has to say stands on the pull request, so it has no service comment.
DROP TRIGGER service_comment_on_start ON agent_runs;
CREATE TRIGGER service_comment_on_start AFTER INSERT ON agent_runs FOR EACH ROW
    WHEN (NEW.kind <> 'review')
    EXECUTE FUNCTION want_service_comment();
DROP TRIGGER service_comment_on_change ON agent_runs;
CREATE TRIGGER service_comment_on_change AFTER UPDATE ON agent_runs FOR EACH ROW
    WHEN (NEW.kind <> 'review'
          AND (OLD.status, OLD.started_at IS NULL, OLD.attempts, OLD.pr_number)
              IS DISTINCT FROM (NEW.status, NEW.started_at IS NULL, NEW.attempts, NEW.pr_number))
    EXECUTE FUNCTION want_service_comment();
