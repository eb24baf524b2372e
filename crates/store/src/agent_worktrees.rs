//! `agent_worktrees`: the newest snapshot of a run's working tree, sealed.

use domain::ids::RunId;
use sqlx::PgExecutor;

use crate::Result;

/// What a bundle is sealed for: table, row and column.
#[must_use]
pub fn bundle_aad(run: RunId) -> String {
    format!("agent_worktrees/{run}/bundle")
}

/// A snapshot to keep.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// The run.
    pub run: RunId,
    /// Its launch.
    pub launch: i32,
    /// Grows within a launch.
    pub version: i64,
    /// Of the bundle before sealing, hex.
    pub sha256: &'a str,
    /// Bytes of the bundle before sealing.
    pub size: i64,
    /// Sealed with the AAD of [`bundle_aad`].
    pub sealed: &'a [u8],
}

/// Keeps a snapshot unless a newer one is kept already; of the run's current launch only, as sessions are.
///
/// # Errors
/// The database's.
pub async fn keep(db: impl PgExecutor<'_>, snapshot: &Snapshot<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO agent_worktrees (run_id, launch, version, sha256, size, bundle_sealed)
         SELECT a.id, $2, $3, $4, $5, $6 FROM agent_runs AS a WHERE a.id = $1 AND a.launch = $2
         ON CONFLICT (run_id) DO UPDATE SET launch = EXCLUDED.launch, version = EXCLUDED.version,
             sha256 = EXCLUDED.sha256, size = EXCLUDED.size, bundle_sealed = EXCLUDED.bundle_sealed,
             kept_at = app_now()
         WHERE (agent_worktrees.launch, agent_worktrees.version) < (EXCLUDED.launch, EXCLUDED.version)",
        snapshot.run.0,
        snapshot.launch,
        snapshot.version,
        snapshot.sha256,
        snapshot.size,
        snapshot.sealed
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The sealed bundle of this very run.
///
/// # Errors
/// The database's.
pub async fn sealed(db: impl PgExecutor<'_>, run: RunId) -> Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("SELECT bundle_sealed FROM agent_worktrees WHERE run_id = $1", run.0).fetch_optional(db).await
}
