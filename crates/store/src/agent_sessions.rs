//! `agent_sessions`: the newest snapshot of a run's codex session, sealed.

use domain::ids::RunId;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::Result;

/// What a snapshot is sealed for: table, row and column.
#[must_use]
pub fn snapshot_aad(run: RunId) -> String {
    format!("agent_sessions/{run}/snapshot")
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
    /// Codex's id of the session.
    pub session_id: Uuid,
    /// Where the file lies under `CODEX_HOME`.
    pub path: &'a str,
    /// Of the bytes before sealing, hex.
    pub sha256: &'a str,
    /// Sealed with the AAD of [`snapshot_aad`].
    pub sealed: &'a [u8],
}

/// Keeps a snapshot unless a newer one is kept already.
///
/// # Errors
/// The database's.
pub async fn keep(db: impl PgExecutor<'_>, snapshot: &Snapshot<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO agent_sessions (run_id, launch, version, session_id, path, sha256, snapshot_sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (run_id) DO UPDATE SET launch = EXCLUDED.launch, version = EXCLUDED.version,
             session_id = EXCLUDED.session_id, path = EXCLUDED.path, sha256 = EXCLUDED.sha256,
             snapshot_sealed = EXCLUDED.snapshot_sealed, kept_at = app_now()
         WHERE (agent_sessions.launch, agent_sessions.version) < (EXCLUDED.launch, EXCLUDED.version)",
        snapshot.run.0,
        snapshot.launch,
        snapshot.version,
        snapshot.session_id,
        snapshot.path,
        snapshot.sha256,
        snapshot.sealed
    )
    .execute(db)
    .await?;
    Ok(())
}
