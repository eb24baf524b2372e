//! Leases of runs: one owner at a time, by the database's clock.

use std::time::Duration;

use domain::flow::FlowKind;
use domain::ids::RunId;
use serde_json::json;
use sqlx::PgExecutor;

use super::Lease;
use crate::{Result, flow};

/// Leases the next run that is due, or one whose owner went silent; `None` when there is no work.
///
/// # Errors
/// The database's.
pub async fn claim(db: impl PgExecutor<'_>, worker: &str, ttl: Duration) -> Result<Option<Lease>> {
    let actor = format!("worker:{worker}");
    let claimed = flow::Entry::new(FlowKind::RunClaimed, actor.as_str(), json!({}));
    let taken_over = flow::Entry::new(FlowKind::RunTakenOver, actor.as_str(), json!({}));
    let row = sqlx::query_file!(
        "src/runs/claim.sql",
        worker,
        ttl.as_secs_f64(),
        claimed.id,
        actor,
        claimed.data,
        claimed.canonical,
        taken_over.canonical
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Lease { run: RunId(row.id), token: row.lease_token }))
}

/// Extends every lease of this worker that has not run out; answers those that it holds.
///
/// # Errors
/// The database's.
pub async fn renew_all(db: impl PgExecutor<'_>, worker: &str, ttl: Duration) -> Result<Vec<Lease>> {
    let rows = sqlx::query!(
        "UPDATE agent_runs SET lease_expires_at = app_now() + make_interval(secs => $2)
         WHERE lease_owner = $1 AND status = 'running' AND lease_expires_at > app_now()
         RETURNING id, lease_token",
        worker,
        ttl.as_secs_f64()
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| Lease { run: RunId(row.id), token: row.lease_token }).collect())
}

/// The leases that this worker holds now.
///
/// # Errors
/// The database's.
pub async fn held_by(db: impl PgExecutor<'_>, worker: &str) -> Result<Vec<Lease>> {
    let rows = sqlx::query!(
        "SELECT id, lease_token FROM agent_runs
         WHERE lease_owner = $1 AND status = 'running' AND lease_expires_at > app_now() ORDER BY queued_at, id",
        worker
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| Lease { run: RunId(row.id), token: row.lease_token }).collect())
}

/// Lets every lease of this worker go, so that another takes its runs over at once.
///
/// # Errors
/// The database's.
pub async fn release_all(db: impl PgExecutor<'_>, worker: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE agent_runs SET lease_expires_at = app_now() WHERE lease_owner = $1 AND status = 'running'
           AND lease_expires_at > app_now()",
        worker
    )
    .execute(db)
    .await?;
    Ok(())
}
