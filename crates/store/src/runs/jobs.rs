//! Which Jobs found in the cluster still have a run behind them.

use domain::ids::RunId;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::Result;

/// Of these launches, those that no running run names as its current one: their Jobs were made by a worker that had
/// lost its lease, or outlived their run. A run that ended, handed its work in or was parked less than 30 seconds ago may
/// still be saving, unless its decoy turned up: that one has nothing to save.
///
/// # Errors
/// The database's.
pub async fn abandoned(db: impl PgExecutor<'_>, launches: &[(RunId, i32)]) -> Result<Vec<(RunId, i32)>> {
    let (runs, numbers): (Vec<_>, Vec<_>) = launches.iter().map(|(run, launch)| (run.0, *launch)).unzip();
    let rows = sqlx::query!(
        r#"SELECT found.run AS "run!", found.launch AS "launch!"
           FROM unnest($1::uuid[], $2::int4[]) AS found (run, launch)
           WHERE NOT EXISTS (SELECT FROM agent_runs AS a
                             WHERE a.id = found.run
                               AND (a.status IN ('running', 'waiting_backpressure') AND a.launch_open AND a.launch = found.launch
                                    OR GREATEST(a.handed_in_at, a.parked_at, a.finished_at) > app_now() - interval '30 seconds'
                                       AND a.reason IS DISTINCT FROM 'canary'))"#,
        &runs,
        &numbers
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (RunId(row.run), row.launch)).collect())
}

/// The Job of a run whose decoy turned up.
#[derive(Debug, Clone)]
pub struct TrippedJob {
    /// The run.
    pub run_id: RunId,
    /// Its last launch.
    pub launch: i32,
    /// Its namespace.
    pub namespace: String,
    /// The Job's UID.
    pub job_uid: Uuid,
}

/// Of these runs, those that a sighting of their decoy ended some minutes ago at most, with their Jobs.
///
/// # Errors
/// The database's.
pub async fn tripped(db: impl PgExecutor<'_>, runs: &[RunId]) -> Result<Vec<TrippedJob>> {
    let ids: Vec<_> = runs.iter().map(|run| run.0).collect();
    sqlx::query_as!(
        TrippedJob,
        r#"SELECT id AS run_id, launch, namespace, job_uid AS "job_uid!" FROM agent_runs
           WHERE id = ANY($1) AND reason = 'canary' AND job_uid IS NOT NULL AND namespace_deleted_at IS NULL
             AND finished_at > app_now() - interval '5 minutes'"#,
        &ids
    )
    .fetch_all(db)
    .await
}
