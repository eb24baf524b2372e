-- The agent is told what became of these requests, by this launch. $1 run, $2 launch, $3 requests.
WITH told AS (
    UPDATE approvals SET told_launch = $2, told_at = app_now()
    WHERE run_id = $1 AND id = ANY ($3) AND request_is_over(state) AND told_launch IS NULL
    RETURNING id
)
UPDATE agent_runs SET requests_untold = requests_untold - (SELECT count(*)::int FROM told) WHERE id = $1
