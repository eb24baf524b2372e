//! Namespaces of runs that are over.

use chrono::{DateTime, Utc};
use domain::ids::RunId;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Result, flow};

/// A namespace whose time is over.
#[derive(Debug, Clone)]
pub struct ExpiredNamespace {
    /// The run.
    pub run_id: RunId,
    /// Its namespace.
    pub namespace: String,
    /// UID under which it was made: only that one is deleted.
    pub namespace_uid: Uuid,
}

/// Namespaces of finished runs that are due.
///
/// # Errors
/// The database's.
pub async fn expired(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<ExpiredNamespace>> {
    sqlx::query_as!(
        ExpiredNamespace,
        r#"SELECT id AS run_id, namespace, namespace_uid AS "namespace_uid!" FROM agent_runs
           WHERE namespace_uid IS NOT NULL AND namespace_deleted_at IS NULL AND namespace_expires_at <= app_now()
             AND finished_at IS NOT NULL
           ORDER BY namespace_expires_at LIMIT $1"#,
        limit
    )
    .fetch_all(db)
    .await
}

/// The namespace is gone.
///
/// # Errors
/// The database's.
pub async fn deleted(db: impl PgExecutor<'_> + Copy, run: RunId, flow: &flow::Entry) -> Result<()> {
    let marked = sqlx::query!(
        "UPDATE agent_runs SET namespace_deleted_at = app_now() WHERE id = $1 AND namespace_deleted_at IS NULL",
        run.0
    )
    .execute(db)
    .await?;
    if marked.rows_affected() == 1 { flow::append(db, run, flow).await } else { Ok(()) }
}

/// What the platform knows of a run whose namespace was found in the cluster.
#[derive(Debug, Clone)]
pub struct KnownNamespace {
    /// The namespace that the run's row names.
    pub namespace: String,
    /// When the run ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When its namespace ends.
    pub namespace_expires_at: Option<DateTime<Utc>>,
}

/// The run behind a namespace's label; `None` when there is no such run.
///
/// # Errors
/// The database's.
pub async fn known(db: impl PgExecutor<'_>, run: RunId) -> Result<Option<KnownNamespace>> {
    sqlx::query_as!(
        KnownNamespace,
        "SELECT namespace, finished_at, namespace_expires_at FROM agent_runs WHERE id = $1",
        run.0
    )
    .fetch_optional(db)
    .await
}
