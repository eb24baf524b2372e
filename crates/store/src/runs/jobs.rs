//! Which Jobs found in the cluster still have a run behind them.

use domain::ids::RunId;
use sqlx::PgExecutor;

use crate::Result;

/// Of these launches, those that no running run names as its current one: their Jobs were made by a worker that had
/// lost its lease, or outlived their run. A run that ended, handed its work in or was parked less than 30 seconds ago may
/// still be saving.
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
                                    OR GREATEST(a.handed_in_at, a.parked_at, a.finished_at) > app_now() - interval '30 seconds'))"#,
        &runs,
        &numbers
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (RunId(row.run), row.launch)).collect())
}
