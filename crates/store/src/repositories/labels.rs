//! The labels of repositories: which a worker should look at, and what it found.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, RepositoryId};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::Result;

/// A repository whose labels are to be looked at.
#[derive(Debug, Clone)]
pub struct DueLabels {
    /// The repository.
    pub id: RepositoryId,
    /// Its project.
    pub project_id: ProjectId,
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

/// Takes the next one; another worker takes it only after `lease`.
///
/// # Errors
/// The database's.
pub async fn claim(db: impl PgExecutor<'_>, lease: Duration) -> Result<Option<DueLabels>> {
    sqlx::query_as!(
        DueLabels,
        "UPDATE repositories AS r SET labels_due_at = app_now() + make_interval(secs => $1)
         FROM projects AS p
         WHERE p.id = r.project_id
           AND r.id = (SELECT id FROM repositories WHERE state <> 'disconnected' AND labels_due_at <= app_now()
                       ORDER BY labels_due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING r.id, r.project_id, r.full_name, r.bot_github_id, r.token_sealed, p.locale,
                   r.labels_due_at AS leased_until",
        lease.as_secs_f64()
    )
    .fetch_optional(db)
    .await
}

/// Has it looked at again at `again`, if nothing asked for that sooner meanwhile. What was found is laid over the stored check of this name, and the repository is in order
/// when none of its checks failed.
///
/// # Errors
/// The database's.
pub async fn looked_at(
    db: impl PgExecutor<'_>,
    due: &DueLabels,
    again: DateTime<Utc>,
    (check, finding): (&str, Option<&Value>),
) -> Result<()> {
    sqlx::query!(
        "UPDATE repositories AS r
         SET labels_due_at = CASE WHEN labels_due_at = $5 THEN $2 ELSE labels_due_at END, checks = laid.checks,
             state = CASE WHEN laid.checks @> '[{\"state\": \"failed\"}]' THEN 'broken' ELSE 'connected' END
         FROM (SELECT COALESCE(jsonb_agg(CASE WHEN known ->> 'name' = $3 AND $4::jsonb IS NOT NULL
                                              THEN (known - 'remedy') || $4 ELSE known END), '[]') AS checks
               FROM repositories AS stored, jsonb_array_elements(stored.checks) AS known WHERE stored.id = $1) AS laid
         WHERE r.id = $1 AND r.state <> 'disconnected'",
        due.id.0,
        again,
        check,
        finding,
        due.leased_until
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
