-- Leases the oldest action that is due, but none while an older one of the same issue is still to be delivered: a
-- comment never overtakes the one before it.
WITH next AS (
    SELECT o.id FROM outbound_actions AS o
    WHERE o.state = 'pending' AND o.not_before <= app_now()
      AND (o.lease_expires_at IS NULL OR o.lease_expires_at < app_now())
      AND NOT EXISTS (SELECT FROM outbound_actions AS older
                      WHERE older.repository_id = o.repository_id AND older.subject_number = o.subject_number
                        AND older.state = 'pending' AND (older.created_at, older.id) < (o.created_at, o.id))
    ORDER BY o.created_at, o.id
    LIMIT 1
    FOR UPDATE OF o SKIP LOCKED
)
UPDATE outbound_actions AS action
SET lease_owner = $1,
    lease_token = action.lease_token + 1,
    lease_expires_at = app_now() + make_interval(secs => $2)
FROM next
WHERE action.id = next.id
RETURNING action.id, action.kind, action.repository_id, action.subject_number, action.run_id, action.payload,
          action.wanted_version, action.attempts, action.lease_token, action.external_id
