//! Leases of runs: one owner at a time, by the database's clock.

use std::time::Duration;

use domain::flow::FlowKind;
use domain::ids::RunId;
use serde_json::json;
use sqlx::{PgExecutor, PgPool};

use super::Lease;
use crate::{Result, flow};

/// How often a claim is tried when others take the same place at the same moment; each time somebody else has won.
const TRIES: usize = 50;

/// Leases a run whose owner went silent, or the next one that is due and has a place, parked ones among them; `None` when
/// there is no work.
///
/// # Errors
/// The database's.
pub async fn claim(db: &PgPool, worker: &str, ttl: Duration) -> Result<Option<Lease>> {
    for _ in 1..TRIES {
        match try_claim(db, worker, ttl).await {
            Err(error) if is_place_taken(&error) => {}
            claimed => return claimed,
        }
    }
    try_claim(db, worker, ttl).await
}

/// Another claim took the place in this instant: the index on it refused ours, whole.
fn is_place_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

async fn try_claim(db: &PgPool, worker: &str, ttl: Duration) -> Result<Option<Lease>> {
    let actor = format!("worker:{worker}");
    let claimed = flow::Entry::new(FlowKind::RunClaimed, actor.as_str(), json!({}));
    let taken_over = flow::Entry::new(FlowKind::RunTakenOver, actor.as_str(), json!({}));
    let resumed = flow::Entry::new(FlowKind::RunResumed, actor.as_str(), json!({}));
    let row = sqlx::query_file!(
        "src/runs/claim.sql",
        worker,
        ttl.as_secs_f64(),
        claimed.id,
        actor,
        claimed.data,
        claimed.canonical,
        taken_over.canonical,
        resumed.canonical
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
