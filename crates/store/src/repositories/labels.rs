//! The labels of repositories: which a worker should look at.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::RepositoryId;
use sqlx::PgExecutor;

use crate::Result;

/// A repository whose labels are to be looked at.
#[derive(Debug, Clone)]
pub struct DueLabels {
    /// The repository.
    pub id: RepositoryId,
    /// owner/name.
    pub full_name: String,
    /// Numeric id of the platform's account there.
    pub bot_github_id: i64,
    /// Sealed token of that account.
    pub token_sealed: Vec<u8>,
    /// Language of the project.
    pub locale: String,
    /// Until when it is ours; another moment here means that it is due anew.
    pub leased_until: DateTime<Utc>,
}

/// Takes the next one; another worker takes it only after `lease`. One whose connecting was cut before its check is left
/// alone: it has no webhook, and must not be called connected.
///
/// # Errors
/// The database's.
pub async fn claim(db: impl PgExecutor<'_>, lease: Duration) -> Result<Option<DueLabels>> {
    sqlx::query_as!(
        DueLabels,
        "UPDATE repositories AS r SET labels_due_at = app_now() + make_interval(secs => $1)
         FROM projects AS p
         WHERE p.id = r.project_id
           AND r.id = (SELECT id FROM repositories
                       WHERE state <> 'disconnected' AND checked_at IS NOT NULL AND labels_due_at <= app_now()
                       ORDER BY labels_due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING r.id, r.full_name, r.bot_github_id, r.token_sealed, p.locale,
                   r.labels_due_at AS leased_until",
        lease.as_secs_f64()
    )
    .fetch_optional(db)
    .await
}

/// Has it looked at again at `again`, if nothing asked for that sooner meanwhile.
///
/// # Errors
/// The database's.
pub async fn again(db: impl PgExecutor<'_>, due: &DueLabels, again: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE repositories SET labels_due_at = $3 WHERE id = $1 AND labels_due_at = $2",
        due.id.0,
        due.leased_until,
        again
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Has every repository looked at, as after a change of the catalogue.
///
/// # Errors
/// The database's.
pub async fn all_are_due(db: impl PgExecutor<'_>) -> Result<()> {
    sqlx::query!("UPDATE repositories SET labels_due_at = app_now() WHERE state <> 'disconnected'").execute(db).await?;
    Ok(())
}
