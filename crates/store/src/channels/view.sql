-- Channels as people see them, by name, each with what it was asked last and what came of its last test. $1 project, $2 one
-- of them.
SELECT c.id, c.project_id, c.kind AS "kind: Coded<ChannelKind>", c.name, c.url, c.locale AS "locale: Coded<Locale>",
       c.timeout_seconds, c.speaks_for AS "speaks_for: Coded<SpeaksFor>", c.enabled, c.version,
       COALESCE(made.login, '') AS "created_by!", c.created_at, changed.login AS "changed_by?", c.changed_at,
       (SELECT count(*) FROM channel_requests AS q
        WHERE q.channel_id = c.id AND q.request_id IS NOT NULL AND q.ended_at IS NULL) AS "open!",
       last.state AS "last_state?: Coded<AskState>", last.trouble AS "last_trouble?", last.at AS "last_at?",
       trial.state AS "trial_state?: Coded<AskState>", trial.trouble AS "trial_trouble?",
       trial.answer AS "trial_answer?: Json<TrialAnswer>", trial.by AS "trial_by?", trial.at AS "trial_at?"
FROM channels AS c
JOIN users AS made ON made.id = c.created_by
LEFT JOIN users AS changed ON changed.id = c.changed_by
LEFT JOIN LATERAL (
    SELECT q.state, q.trouble, COALESCE(q.ended_at, q.asked_at, q.created_at) AS at FROM channel_requests AS q
    WHERE q.channel_id = c.id AND q.request_id IS NOT NULL ORDER BY q.created_at DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT q.state, q.trouble, q.answer, COALESCE(u.login, '') AS by, COALESCE(q.ended_at, q.asked_at, q.created_at) AS at
    FROM channel_requests AS q JOIN users AS u ON u.id = q.tried_by
    WHERE q.channel_id = c.id AND q.request_id IS NULL ORDER BY q.created_at DESC LIMIT 1
) AS trial ON true
WHERE c.removed_at IS NULL AND ($1::uuid IS NULL OR c.project_id = $1) AND ($2::uuid IS NULL OR c.id = $2)
ORDER BY lower(c.name), c.id
