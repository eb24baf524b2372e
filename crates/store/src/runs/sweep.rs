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

/// Namespaces that are due: of runs that are not active, and kept by no label.
///
/// # Errors
/// The database's.
pub async fn expired(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<ExpiredNamespace>> {
    sqlx::query_as!(
        ExpiredNamespace,
        r#"SELECT id AS run_id, namespace, namespace_uid AS "namespace_uid!" FROM agent_runs
           WHERE namespace_uid IS NOT NULL AND namespace_deleted_at IS NULL AND namespace_expires_at <= app_now()
             AND NOT run_is_active(status)
             AND NOT namespace_kept(agent_runs)
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
    if marked.rows_affected() == 1 {
        flow::append(db, run, flow).await?;
    }
    Ok(())
}

/// The namespace hangs in its removal; the run that had it says so once. Answers whether that was now.
///
/// # Errors
/// The database's.
pub async fn stuck(db: impl PgExecutor<'_> + Copy, run: RunId, flow: &flow::Entry) -> Result<bool> {
    let marked = sqlx::query!(
        "UPDATE agent_runs SET namespace_stuck_at = app_now() WHERE id = $1 AND namespace_stuck_at IS NULL",
        run.0
    )
    .execute(db)
    .await?;
    let is_new = marked.rows_affected() == 1;
    if is_new {
        flow::append(db, run, flow).await?;
    }
    Ok(is_new)
}

/// The run that a namespace belongs to.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The run.
    pub run_id: RunId,
    /// The run works or will: nothing of it is taken away.
    pub is_active: bool,
    /// When its namespace ends.
    pub namespace_expires_at: Option<DateTime<Utc>>,
    /// A label keeps the namespace.
    pub is_kept: bool,
}

/// Whose a namespace is: the run that has its UID, or the one it was made for (`made_for`, by its label) while that one
/// names it and has recorded no UID; an active one first. `None`: nobody's.
///
/// # Errors
/// The database's.
pub async fn owner(db: impl PgExecutor<'_>, namespace: &str, uid: Uuid, made_for: RunId) -> Result<Option<Owner>> {
    sqlx::query_as!(
        Owner,
        r#"SELECT id AS run_id,
                  run_is_active(status) AS "is_active!",
                  namespace_expires_at, namespace_kept(a) AS "is_kept!"
           FROM agent_runs AS a WHERE namespace_uid = $2 OR (id = $3 AND namespace = $1)
           ORDER BY 2 DESC, namespace_uid = $2 DESC NULLS LAST LIMIT 1"#,
        namespace,
        uid,
        made_for.0
    )
    .fetch_optional(db)
    .await
}
