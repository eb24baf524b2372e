//! Namespaces that a label keeps. It lies on an issue or a pull request and counts for all runs of that, whenever they
//! begin or end; and a person who asked for it outlives the end of the issue or of the pull request. So what is stored is
//! where the label lies, and only the sweep asks for it.

use domain::flow::FlowKind;
use domain::ids::{RepositoryId, RunId};
use serde_json::json;
use sqlx::PgConnection;

use crate::{Result, flow};

/// The label lies there: nothing is swept.
///
/// # Errors
/// The database's.
pub(crate) async fn keep(db: &mut PgConnection, repository: RepositoryId, subject: i64, actor: &str) -> Result<()> {
    let laid = sqlx::query!(
        "INSERT INTO kept_namespaces (repository_id, subject_number) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        repository.0,
        subject
    )
    .execute(&mut *db)
    .await?;
    if laid.rows_affected() == 0 {
        return Ok(());
    }
    let runs = sqlx::query_scalar!(
        "SELECT id FROM agent_runs
         WHERE repository_id = $1 AND (subject_number = $2 OR pr_number = $2)
           AND namespace_uid IS NOT NULL AND namespace_deleted_at IS NULL",
        repository.0,
        subject
    );
    let runs = runs.fetch_all(&mut *db).await?;
    tell(db, runs.into_iter().map(RunId), FlowKind::NamespaceKept, subject, actor).await
}

/// The label was taken off: what stands of runs that are not active lives as long as it would if they ended now.
///
/// # Errors
/// The database's.
pub(crate) async fn release(db: &mut PgConnection, repository: RepositoryId, subject: i64, actor: &str) -> Result<()> {
    sqlx::query!("DELETE FROM kept_namespaces WHERE repository_id = $1 AND subject_number = $2", repository.0, subject)
        .execute(&mut *db)
        .await?;
    let runs = sqlx::query_scalar!(
        "UPDATE agent_runs
         SET namespace_expires_at = CASE WHEN namespace_expires_at IS NOT NULL
                                         THEN app_now() + make_interval(secs => namespace_ttl_seconds) END
         WHERE repository_id = $1 AND (subject_number = $2 OR pr_number = $2)
           AND namespace_uid IS NOT NULL AND namespace_deleted_at IS NULL
         RETURNING id",
        repository.0,
        subject
    );
    let runs = runs.fetch_all(&mut *db).await?;
    tell(db, runs.into_iter().map(RunId), FlowKind::NamespaceReleased, subject, actor).await
}

async fn tell(
    db: &mut PgConnection,
    runs: impl Iterator<Item = RunId>,
    kind: FlowKind,
    subject: i64,
    actor: &str,
) -> Result<()> {
    for run in runs {
        flow::append(&mut *db, run, &flow::Entry::new(kind, actor, json!({ "number": subject }))).await?;
    }
    Ok(())
}
