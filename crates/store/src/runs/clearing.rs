//! The end of an issue: nobody looks at what its runs have left in the cluster any more, unless a label says so.

use domain::flow::FlowKind;
use domain::ids::{RepositoryId, RunId};
use domain::reasons::IntakeReason;
use serde_json::json;
use sqlx::PgConnection;

use crate::{Result, flow};

/// Cuts the time of the issue's namespaces short: now where the run is not active, and at its end where it has just been
/// asked to stop. What runs on, or starts when the issue is opened again, has its own time.
///
/// # Errors
/// The database's.
pub(crate) async fn clear(db: &mut PgConnection, repository: RepositoryId, issue: i64, actor: &str) -> Result<()> {
    let over = sqlx::query_scalar!(
        "UPDATE agent_runs SET namespace_expires_at = app_now()
         WHERE repository_id = $1 AND subject_number = $2
           AND NOT run_is_active(status)
           AND namespace_uid IS NOT NULL AND namespace_deleted_at IS NULL AND namespace_expires_at > app_now()
           AND NOT namespace_kept(agent_runs)
         RETURNING id",
        repository.0,
        issue
    );
    for run in over.fetch_all(&mut *db).await? {
        let data = json!({ "because": IntakeReason::IssueEnded.as_str() });
        flow::append(&mut *db, RunId(run), &flow::Entry::new(FlowKind::NamespaceCutShort, actor, data)).await?;
    }
    sqlx::query!(
        "UPDATE agent_runs SET namespace_ttl_seconds = 0
         WHERE repository_id = $1 AND subject_number = $2 AND finished_at IS NULL AND cancel_requested_at IS NOT NULL
           AND NOT namespace_kept(agent_runs)",
        repository.0,
        issue
    )
    .execute(&mut *db)
    .await?;
    Ok(())
}
