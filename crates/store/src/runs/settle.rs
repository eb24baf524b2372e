//! What people decide about the pull request of runs.

use domain::flow::FlowKind;
use domain::ids::{DeliveryId, RepositoryId, RunId};
use domain::settlement::Settlement;
use serde_json::json;
use sqlx::PgExecutor;

use crate::outbound::LabelChange;
use crate::{Result, flow};

/// A decision about a pull request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled<'a> {
    /// Where.
    pub repository: RepositoryId,
    /// Its number.
    pub pull: i64,
    /// What was decided.
    pub how: Settlement,
    /// Login of who did.
    pub by: &'a str,
    /// What told the platform.
    pub delivery: DeliveryId,
}

/// Carries a decision out. Answers the runs that it touched.
///
/// # Errors
/// The database's.
pub(crate) async fn settle(db: impl PgExecutor<'_>, settled: &Settled<'_>) -> Result<Vec<RunId>> {
    let then = settled.how.consequence();
    let actor = format!("user:{}", settled.by);
    let entry = flow::Entry::new(then.flow, actor.as_str(), json!({ "pull": settled.pull, "status": then.status }));
    let because = json!({ "because": then.flow });
    let stopped = flow::Entry::new(FlowKind::CancelRequested, actor.as_str(), because);
    let ids = sqlx::query_file_scalar!(
        "src/runs/settle.sql",
        settled.repository.0,
        settled.pull,
        then.status.map(|status| status.as_str()),
        then.reason.map(|reason| reason.as_str()),
        then.ends_namespaces,
        settled.by,
        json!(LabelChange::of(then.labels_off, then.labels_on)),
        entry.kind.as_str(),
        entry.data,
        entry.canonical,
        stopped.data,
        stopped.canonical,
        settled.delivery.to_string()
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().flatten().map(RunId).collect())
}
