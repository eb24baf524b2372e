-- What was asked under a secret and an id. $1 the hash of the secret, $2 the id, $3 the kind of channel.
SELECT q.id, q.state AS "state: Coded<AskState>", c.name AS channel, p.id AS request_id, p.run_id, p.asked AS "asked: Json<Asked>",
       p.digest, p.mode AS "mode: Coded<ApprovalMode>", channel_hears(c.kind, c.speaks_for, p.kind, p.mode) AS "may_decide!",
       NOT EXISTS (SELECT FROM channel_tries AS later WHERE later.channel_request_id = q.id AND later.at > try.at) AS "is_newest!"
FROM channel_tries AS try
JOIN channel_requests AS q ON q.id = try.channel_request_id
JOIN channels AS c ON c.id = q.channel_id
JOIN approvals AS p ON p.id = q.request_id
WHERE try.secret_hash = $1 AND try.id = $2 AND c.kind = $3
