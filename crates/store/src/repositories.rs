//! `repositories`: those that projects have connected, with the sealed token of the platform's account there.

pub mod labels;

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, RepositoryId, RunId};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::Result;

/// A connected repository.
#[derive(Debug, Clone)]
pub struct RepositoryRow {
    /// The row.
    pub id: RepositoryId,
    /// Its project.
    pub project_id: ProjectId,
    /// GitHub's numeric id.
    pub github_id: i64,
    /// owner/name.
    pub full_name: String,
    /// Its page.
    pub web_url: String,
    /// Where pull requests go.
    pub default_branch: String,
    /// Numeric id of the platform's account.
    pub bot_github_id: i64,
    /// Login of the platform's account.
    pub bot_login: String,
    /// Sealed with the AAD of [`token_aad`].
    pub token_sealed: Vec<u8>,
    /// The webhook on GitHub.
    pub hook_id: Option<i64>,
    /// `connected`, `broken` or `disconnected`.
    pub state: String,
    /// Results of the last check.
    pub checks: Value,
    /// When it was last checked.
    pub checked_at: Option<DateTime<Utc>>,
    /// GitHub's delivery log was read up to here.
    pub deliveries_seen_until: Option<DateTime<Utc>>,
    /// When a worker last began to read it.
    pub log_read_at: Option<DateTime<Utc>>,
    /// Since when.
    pub connected_at: DateTime<Utc>,
}

/// What the token of a repository is sealed for: table, row and column.
#[must_use]
pub fn token_aad(id: RepositoryId) -> String {
    format!("repositories/{id}/token")
}

/// A repository to connect.
#[derive(Debug, Clone)]
pub struct NewRepository<'a> {
    /// The row.
    pub id: RepositoryId,
    /// Its project.
    pub project_id: ProjectId,
    /// GitHub's numeric id.
    pub github_id: i64,
    /// owner/name.
    pub full_name: &'a str,
    /// Its page.
    pub web_url: &'a str,
    /// Where pull requests go.
    pub default_branch: &'a str,
    /// Numeric id of the platform's account.
    pub bot_github_id: i64,
    /// Its login.
    pub bot_login: &'a str,
    /// Sealed token.
    pub token_sealed: &'a [u8],
}

/// Stores a repository whose webhook and labels are still to be made.
///
/// # Errors
/// A unique violation when a project has connected it already.
pub async fn connect(db: impl PgExecutor<'_>, new: &NewRepository<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO repositories (id, project_id, github_id, full_name, web_url, default_branch, bot_github_id,
                                   bot_login, token_sealed, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'broken')",
        new.id.0,
        new.project_id.0,
        new.github_id,
        new.full_name,
        new.web_url,
        new.default_branch,
        new.bot_github_id,
        new.bot_login,
        new.token_sealed
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The check of the webhook.
const WEBHOOK: &str = "webhook_registered";
/// The check that says which labels nobody heard of. A worker finds it; a check that finds nothing wrong clears it.
pub const MISSED_LABELS: &str = "missed_labels";
/// The same of reviews.
pub const MISSED_REVIEWS: &str = "missed_reviews";

/// Records what a check found, and what was mended by it. A worker looks at the labels next.
///
/// # Errors
/// The database's.
pub async fn checked(
    db: impl PgExecutor<'_>,
    id: RepositoryId,
    healthy: bool,
    checks: &Value,
    hook_id: Option<i64>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE repositories
         SET state = CASE WHEN $2 THEN 'connected' ELSE 'broken' END, hook_id = COALESCE($4, hook_id),
             checked_at = app_now(), labels_due_at = app_now(),
             checks = $3 || (SELECT COALESCE(jsonb_agg(known), '[]') FROM jsonb_array_elements(checks) AS known
                             WHERE NOT $2 AND known ->> 'name' = ANY($5))
         WHERE id = $1 AND state <> 'disconnected'",
        id.0,
        healthy,
        checks,
        hook_id,
        &[MISSED_LABELS.to_owned(), MISSED_REVIEWS.to_owned()]
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Lays what was found over the stored check of this name, or, without a finding, takes that check away.
///
/// # Errors
/// The database's.
pub async fn found(db: impl PgExecutor<'_>, id: RepositoryId, check: &str, finding: Option<&Value>) -> Result<()> {
    lay(db, id, check, finding, None).await.map(drop)
}

/// The webhook is not on GitHub any more: the repository is broken until somebody checks it, which registers another.
/// Answers whether it was not known yet.
///
/// # Errors
/// The database's.
pub async fn hook_lost(db: impl PgExecutor<'_>, id: RepositoryId, hook_id: i64, finding: &Value) -> Result<bool> {
    lay(db, id, WEBHOOK, Some(finding), Some(hook_id)).await
}

/// A repository is in order when none of its checks failed, and was never in order before its first check. Where a hook
/// was lost, only its loss is noted, and once.
async fn lay(
    db: impl PgExecutor<'_>,
    id: RepositoryId,
    check: &str,
    finding: Option<&Value>,
    lost_hook: Option<i64>,
) -> Result<bool> {
    let laid = sqlx::query!(
        r#"UPDATE repositories
           SET checks = checks_with(checks, $2, $3),
               state = CASE WHEN checks_with(checks, $2, $3) @> '[{"state": "failed"}]' THEN 'broken'
                            WHEN checked_at IS NOT NULL THEN 'connected' ELSE state END,
               hook_id = CASE WHEN $4::bigint IS NULL THEN hook_id END
           WHERE id = $1 AND state <> 'disconnected' AND ($4::bigint IS NULL OR hook_id = $4)"#,
        id.0,
        check,
        finding,
        lost_hook
    )
    .execute(db)
    .await?;
    Ok(laid.rows_affected() == 1)
}

/// Runs of a repository whose work waits for its owner.
///
/// # Errors
/// The database's.
pub async fn waiting_runs(db: impl PgExecutor<'_>, id: RepositoryId) -> Result<Vec<RunId>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM agent_runs WHERE repository_id = $1 AND status = 'waiting_owner_review'",
        id.0
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(RunId).collect())
}

/// Disconnects a repository without an active run: the token is forgotten, runs and deliveries stay. Answers whether
/// it did.
///
/// # Errors
/// The database's.
pub async fn disconnect(db: impl PgExecutor<'_>, id: RepositoryId) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE repositories SET state = 'disconnected', token_sealed = '', disconnected_at = app_now()
         WHERE id = $1 AND state <> 'disconnected'
           AND NOT EXISTS (SELECT FROM agent_runs WHERE repository_id = $1 AND finished_at IS NULL)",
        id.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One repository that is not disconnected.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, id: RepositoryId) -> Result<Option<RepositoryRow>> {
    sqlx::query_as!(
        RepositoryRow,
        "SELECT id, project_id, github_id, full_name, web_url, default_branch, bot_github_id, bot_login, token_sealed,
                hook_id, state, checks, checked_at, deliveries_seen_until, log_read_at,
                connected_at
         FROM repositories WHERE id = $1 AND state <> 'disconnected'",
        id.0
    )
    .fetch_optional(db)
    .await
}

/// Connected repositories of a project, or of all, by name.
///
/// # Errors
/// The database's.
pub async fn list(db: impl PgExecutor<'_>, project: Option<ProjectId>) -> Result<Vec<RepositoryRow>> {
    sqlx::query_as!(
        RepositoryRow,
        "SELECT id, project_id, github_id, full_name, web_url, default_branch, bot_github_id, bot_login, token_sealed,
                hook_id, state, checks, checked_at, deliveries_seen_until, log_read_at,
                connected_at
         FROM repositories WHERE ($1::uuid IS NULL OR project_id = $1) AND state <> 'disconnected' ORDER BY full_name",
        project.map(|id| id.0)
    )
    .fetch_all(db)
    .await
}

/// Remembers how far GitHub's delivery log was read.
///
/// # Errors
/// The database's.
pub async fn deliveries_seen(db: impl PgExecutor<'_>, id: RepositoryId, until: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE repositories SET deliveries_seen_until = GREATEST(deliveries_seen_until, $2) WHERE id = $1",
        id.0,
        until
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes the next reading of a repository's log, if no other worker has since it was last read at `read_at`. Answers
/// whether it is ours.
///
/// # Errors
/// The database's.
pub async fn claim_log(db: impl PgExecutor<'_>, id: RepositoryId, read_at: Option<DateTime<Utc>>) -> Result<bool> {
    let claimed = sqlx::query!(
        "UPDATE repositories SET log_read_at = app_now() WHERE id = $1 AND log_read_at IS NOT DISTINCT FROM $2",
        id.0,
        read_at
    )
    .execute(db)
    .await?;
    Ok(claimed.rows_affected() == 1)
}
