-- A revise goes on in the namespace of the work that it continues, if that stands and has time left. $1 the run whose
-- work is revised, $2 the run that revises it. A run between the two may have the namespace by now; whoever has it lets
-- go of it in this statement, so that it belongs to one run always.
WITH owner AS (
    SELECT owner.id, owner.namespace, owner.namespace_uid
    FROM agent_runs AS run
    JOIN agent_runs AS revised ON revised.id = $1
    JOIN agent_runs AS owner ON owner.repository_id = revised.repository_id
                            AND owner.subject_number = revised.subject_number
                            AND owner.namespace = revised.namespace
    WHERE run.id = $2 AND owner.role = run.role
      AND owner.namespace_uid IS NOT NULL AND owner.namespace_deleted_at IS NULL AND owner.namespace_stuck_at IS NULL
      AND NOT run_is_active(owner.status)
      AND (owner.namespace_expires_at > app_now() OR namespace_kept(owner))
    FOR UPDATE OF owner
), given AS (
    UPDATE agent_runs AS a
    SET namespace_uid = NULL, namespace_expires_at = NULL, changed_at = app_now(), version = version + 1
    FROM owner WHERE a.id = owner.id
    RETURNING owner.id, owner.namespace, owner.namespace_uid
)
UPDATE agent_runs AS run
SET namespace = given.namespace, namespace_uid = given.namespace_uid
FROM given
WHERE run.id = $2
RETURNING given.id AS "from!", given.namespace AS "namespace!"
