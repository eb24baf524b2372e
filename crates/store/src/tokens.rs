//! `run_tokens`: what a launch's pod may show, stored hashed.

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, RepositoryId, RunId};
use domain::stages::Stage;
use sqlx::PgExecutor;

use crate::runs::Lease;
use crate::{Coded, Result};

/// Records the token of the current launch, replacing one that an earlier owner of the run had made for it and not
/// handed over. It ends five minutes after the run's deadline. Answers whether the lease still holds.
///
/// # Errors
/// The database's.
pub async fn issue(db: impl PgExecutor<'_>, lease: Lease, token_hash: &[u8]) -> Result<bool> {
    let issued = sqlx::query!(
        "INSERT INTO run_tokens (run_id, launch, token_hash, expires_at)
         SELECT id, launch, $3, deadline_at + interval '5 minutes' FROM agent_runs
         WHERE id = $1 AND lease_token = $2 AND status = 'running' AND deadline_at IS NOT NULL
         ON CONFLICT (run_id, launch) DO UPDATE SET token_hash = EXCLUDED.token_hash, expires_at = EXCLUDED.expires_at",
        lease.run.0,
        lease.token,
        token_hash
    )
    .execute(db)
    .await?;
    Ok(issued.rows_affected() == 1)
}

/// What a token reaches.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// The run.
    pub run_id: RunId,
    /// Its current launch.
    pub launch: i32,
    /// The run's project.
    pub project_id: ProjectId,
    /// The run's repository.
    pub repository_id: RepositoryId,
    /// owner/name.
    pub repository: String,
    /// The only branch it may push.
    pub branch: String,
    /// Where its pull request goes.
    pub base_branch: String,
    /// Its stage, which decides what it may change.
    pub stage: Coded<Stage>,
    /// It looks at the work of another run, or talks: it changes nothing.
    pub only_reads: bool,
    /// The run's model.
    pub model: String,
    /// Asked to stop, or done: it may only save.
    pub saving_only: bool,
    /// Hosts that it may reach.
    pub egress_hosts: Vec<String>,
    /// Its decoy, sealed for [`crate::runs::trip::decoy_aad`]; `None` before a pod has shown its first token.
    pub decoy_sealed: Option<Vec<u8>>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// The run behind a token. `None` when it is unknown or expired, when its launch is not the current one, when the run
/// does not run any more, or when the eight seconds that a cancelled run has for saving are over.
///
/// # Errors
/// The database's.
pub async fn verify(db: impl PgExecutor<'_>, token_hash: &[u8]) -> Result<Option<GrantRow>> {
    sqlx::query_as!(
        GrantRow,
        r#"SELECT a.id AS run_id, a.launch, a.project_id, a.repository_id, r.full_name AS repository, a.branch,
                  a.base_branch, a.stage AS "stage: Coded<Stage>", a.kind IN ('review', 'discussion') AS "only_reads!", a.model,
                  a.decoy_sealed, t.expires_at,
                  (a.cancel_requested_at IS NOT NULL OR a.deadline_at < app_now()) AS "saving_only!",
                  egress_hosts(a.project_id, a.role, a.id) AS "egress_hosts!"
           FROM run_tokens AS t
           JOIN agent_runs AS a ON a.id = t.run_id AND a.launch = t.launch
           JOIN repositories AS r ON r.id = a.repository_id
           WHERE t.token_hash = $1 AND t.expires_at > app_now() AND a.status = 'running' AND a.launch_open
             AND COALESCE(LEAST(a.cancel_requested_at, a.deadline_at), 'infinity') > app_now() - interval '8 seconds'"#,
        token_hash
    )
    .fetch_optional(db)
    .await
}
