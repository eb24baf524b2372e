-- The words of an issue or pull request changed: what agents ask leave for there was asked about something else. $1
-- repository, $2 its number, $3 to $6 the audit of each run whose requests these are.
WITH runs AS (
    SELECT a.id FROM agent_runs AS a
    WHERE a.repository_id = $1 AND a.requests_open > 0
      AND EXISTS (SELECT FROM approvals AS p
                  WHERE p.run_id = a.id AND p.kind = 'action' AND p.state = 'requested'
                    AND (p.asked -> 'effect' ->> 'number')::bigint = $2)
    ORDER BY a.id FOR UPDATE OF a
), stale AS (
    UPDATE approvals SET state = 'stale', decided_at = app_now()
    FROM runs
    WHERE approvals.run_id = runs.id AND kind = 'action' AND state = 'requested'
      AND (asked -> 'effect' ->> 'number')::bigint = $2
    RETURNING run_id
), counted AS (
    SELECT run_id, count(*)::int AS over FROM stale GROUP BY run_id
), run AS (
    UPDATE agent_runs
    SET requests_open = requests_open - over,
        flow_seq = flow_seq + 1,
        flow_head = flow_hash(flow_head, flow_seq + 1, app_now(), $6),
        changed_at = app_now(),
        version = version + 1
    FROM counted
    WHERE agent_runs.id = counted.run_id
    RETURNING id, correlation_id, flow_seq, flow_head
), flow AS (
    INSERT INTO flow_events (id, run_id, seq, kind, actor, correlation_id, data, hash, at)
    SELECT uuidv7(), id, flow_seq, $3, $4, correlation_id, $5, flow_head, app_now() FROM run
)
SELECT id FROM run
