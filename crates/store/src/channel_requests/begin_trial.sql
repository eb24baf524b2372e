-- A channel is tried, unless a test of it is open. $1 the channel, $2 who, $3 to $6 the audit.
WITH begun AS (
    INSERT INTO channel_requests (channel_id, tried_by)
    SELECT id, $2 FROM channels WHERE id = $1 AND removed_at IS NULL
    ON CONFLICT (channel_id) WHERE request_id IS NULL AND ended_at IS NULL DO NOTHING
    RETURNING id
)
INSERT INTO flow_events (id, kind, actor, data, at)
SELECT $3, $4, $5, $6, app_now() FROM begun
