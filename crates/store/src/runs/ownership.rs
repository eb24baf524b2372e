//! Which run a namespace belongs to. It is the run whose row has its UID: one at a time, and the sweep asks for that one.
//! The labels on a namespace only say for whom it was made, since the platform may never change a namespace.

use domain::flow::FlowKind;
use domain::ids::RunId;
use serde_json::json;
use sqlx::{PgConnection, PgExecutor};

use super::Lease;
use crate::{Result, flow};

/// Lets a run that revises the work of another go on in its namespace, if that still has time. Called in the transaction
/// that makes the run's row: there is no moment in which the sweep could take the namespace from under it.
///
/// # Errors
/// The database's.
pub(crate) async fn take_over(db: &mut PgConnection, revised: RunId, run: RunId, actor: &str) -> Result<()> {
    let taken = sqlx::query_file!("src/runs/take_over.sql", revised.0, run.0).fetch_optional(&mut *db).await?;
    let Some(taken) = taken else { return Ok(()) };
    let what = json!({ "namespace": taken.namespace, "from": taken.from.to_string() });
    flow::append(&mut *db, run, &flow::Entry::new(FlowKind::NamespaceTakenOver, actor, what)).await?;
    Ok(())
}

/// Gives a leased run another namespace, of this name, to be made anew. `false`: the run is not this worker's any more.
///
/// # Errors
/// The database's.
pub async fn replace(db: impl PgExecutor<'_>, lease: Lease, namespace: &str, flow: &flow::Entry) -> Result<bool> {
    let replaced = sqlx::query_file_scalar!(
        "src/runs/replace_namespace.sql",
        lease.run.0,
        lease.token,
        namespace,
        flow.id,
        flow.kind.as_str(),
        flow.actor,
        flow.data,
        flow.canonical
    )
    .fetch_optional(db)
    .await?;
    Ok(replaced.is_some())
}
