-- The ledger, newest first. $1 viewer, $2 sees everything, $3 to $6 filters, $7 and $8 the cursor, $9 the limit,
-- $10 one delivery.
SELECT d.id, d.delivery_guid, d.event, d.action, d.repository_full_name, d.subject_number, d.label, d.sender_login,
       d.decision, d.reason, d.run_id, d.duplicates, d.received_at
FROM webhook_deliveries AS d
WHERE ($2 OR d.repository_id IN (SELECT r.id FROM repositories AS r
                                 JOIN project_members AS m ON m.project_id = r.project_id AND m.user_id = $1))
  AND ($3::uuid IS NULL OR d.repository_id = $3)
  AND ($4::text IS NULL OR d.decision = $4)
  AND ($5::text IS NULL OR d.event = $5)
  AND ($6::bigint IS NULL OR d.subject_number = $6)
  AND ($7::timestamptz IS NULL OR (d.received_at, d.id) < ($7, $8::uuid))
  AND ($10::uuid IS NULL OR d.id = $10)
ORDER BY d.received_at DESC, d.id DESC
LIMIT $9
