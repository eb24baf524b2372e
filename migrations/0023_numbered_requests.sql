-- What a run asks is numbered, so that people can answer by a comment on the issue ("Q2"). The run's row counts: it is
-- locked by whoever asks, so a number is given once and in order.
ALTER TABLE agent_runs ADD COLUMN requests_asked int NOT NULL DEFAULT 0;
ALTER TABLE approvals ADD COLUMN number int;
UPDATE approvals SET number = counted.number
FROM (SELECT id, row_number() OVER (PARTITION BY run_id ORDER BY requested_at, id) AS number FROM approvals) AS counted
WHERE counted.id = approvals.id;
UPDATE agent_runs SET requests_asked = counted.asked
FROM (SELECT run_id, max(number) AS asked FROM approvals GROUP BY run_id) AS counted
WHERE counted.run_id = agent_runs.id;
ALTER TABLE approvals ALTER COLUMN number SET NOT NULL;
CREATE UNIQUE INDEX approvals_number ON approvals (run_id, number);
DROP INDEX approvals_of_run;

-- The service comment tells what is open.
DROP TRIGGER service_comment_on_change ON agent_runs;
CREATE TRIGGER service_comment_on_change AFTER UPDATE ON agent_runs FOR EACH ROW
    WHEN (NEW.kind = 'stage'
          AND (OLD.status, OLD.started_at IS NULL, OLD.attempts, OLD.pr_number, OLD.requests_open)
              IS DISTINCT FROM (NEW.status, NEW.started_at IS NULL, NEW.attempts, NEW.pr_number, NEW.requests_open))
    EXECUTE FUNCTION want_service_comment();
