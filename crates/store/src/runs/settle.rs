//! What people decide about the pull request of runs.

use domain::flow::FlowKind;
use domain::ids::{DeliveryId, RepositoryId, RunId};
use domain::settlement::{Settlement, Superseded};
use serde_json::json;
use sqlx::PgConnection;

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
    /// Older work that gives way.
    pub supersedes: &'a [Superseded],
    /// Login of who did.
    pub by: &'a str,
    /// What told the platform.
    pub delivery: DeliveryId,
    /// Nobody told it: it was found after an outage.
    pub is_found: bool,
}

/// Carries a decision out, with what gives way to it.
///
/// # Errors
/// The database's.
pub(crate) async fn settle(db: &mut PgConnection, settled: &Settled<'_>) -> Result<()> {
    one(&mut *db, settled, settled.pull, settled.how).await?;
    let how = Settlement::Superseded { by: settled.pull };
    for older in settled.supersedes {
        let moved = one(&mut *db, settled, older.pull, how).await?;
        // Work that was accepted has ended before; its audit tells all the same what became of it.
        if !moved.contains(&older.run) {
            flow::append(&mut *db, older.run, &entry(settled, older.pull, how)).await?;
        }
    }
    Ok(())
}

/// Settles the work in one pull request. Answers the runs that it touched.
async fn one(db: &mut PgConnection, settled: &Settled<'_>, pull: i64, how: Settlement) -> Result<Vec<RunId>> {
    let then = how.consequence();
    let entry = entry(settled, pull, how);
    let because = flow::told(json!({ "because": then.flow }), settled.is_found);
    let stopped = flow::Entry::new(FlowKind::CancelRequested, actor(settled), because);
    let ids = sqlx::query_file_scalar!(
        "src/runs/settle.sql",
        settled.repository.0,
        pull,
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
        settled.delivery.to_string(),
        how.detail().map(|words| json!(words)),
        then.on_issue
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().flatten().map(RunId).collect())
}

/// The audit of a decision.
fn entry(settled: &Settled<'_>, pull: i64, how: Settlement) -> flow::Entry {
    let then = how.consequence();
    let data = match how {
        Settlement::Superseded { by } => json!({ "pull": pull, "by": by }),
        _ => json!({ "pull": pull, "status": then.status }),
    };
    flow::Entry::new(then.flow, actor(settled), flow::told(data, settled.is_found))
}

fn actor(settled: &Settled<'_>) -> String {
    format!("user:{}", settled.by)
}
