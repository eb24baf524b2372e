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

/// Keeps a snapshot unless a newer one is kept already. Only the run's current launch keeps any: what a later launch
/// was told to go on from stays as it was told.
///
/// # Errors
/// The database's.
pub async fn keep(db: impl PgExecutor<'_>, snapshot: &Snapshot<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO agent_sessions (run_id, launch, version, session_id, path, sha256, snapshot_sealed)
         SELECT a.id, $2, $3, $4, $5, $6, $7 FROM agent_runs AS a WHERE a.id = $1 AND a.launch = $2
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

/// A session that a run goes on with, and the working tree that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumable {
    /// Whose snapshots they are: the run itself, or an earlier one.
    pub run: Uuid,
    /// Codex's id of the session.
    pub session_id: Uuid,
    /// Where the file lies under `CODEX_HOME`.
    pub path: String,
    /// Of the session before sealing, hex.
    pub sha256: String,
    /// Of the working tree's bundle before sealing, hex; `None` when no tree is kept.
    pub worktree_sha256: Option<String>,
}

/// The session that a run goes on with: its own, else that of the run it resumes, and so on. Session and tree are of
/// the same run, for a tree belongs to the session that made it. Nothing goes on in the session of a run whose decoy turned
/// up: whatever led the agent there is in it.
///
/// # Errors
/// The database's.
pub async fn resumable(db: impl PgExecutor<'_>, run: RunId) -> Result<Option<Resumable>> {
    sqlx::query_as!(
        Resumable,
        r#"WITH RECURSIVE chain (run_id, steps) AS (
               SELECT $1::uuid, 0
               UNION ALL
               SELECT a.resumes, chain.steps + 1 FROM chain JOIN agent_runs AS a ON a.id = chain.run_id
               WHERE a.resumes IS NOT NULL AND chain.steps < 100
           )
           SELECT s.run_id AS run, s.session_id, s.path, s.sha256, w.sha256 AS "worktree_sha256?"
           FROM chain JOIN agent_sessions AS s ON s.run_id = chain.run_id
                JOIN agent_runs AS whose ON whose.id = chain.run_id AND whose.tripped_at IS NULL
                LEFT JOIN agent_worktrees AS w ON w.run_id = s.run_id
           ORDER BY chain.steps LIMIT 1"#,
        run.0
    )
    .fetch_optional(db)
    .await
}

/// The sealed snapshot of this very run.
///
/// # Errors
/// The database's.
pub async fn sealed(db: impl PgExecutor<'_>, run: RunId) -> Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("SELECT snapshot_sealed FROM agent_sessions WHERE run_id = $1", run.0).fetch_optional(db).await
}
