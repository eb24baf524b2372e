//! Follows the Jobs and pods of all runs and marks the runs that changed. It decides nothing, so a gap in the watch
//! costs only the time until the next full look.

use std::sync::Arc;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::Deps;
use crate::desk::Glance;

pub(crate) async fn run(deps: Arc<Deps>, stop: CancellationToken) -> anyhow::Result<()> {
    let changes = deps.cluster.changed_runs().take_until(stop.cancelled());
    tokio::pin!(changes);
    while let Some(change) = changes.next().await {
        match change {
            Ok(run) => deps.desk.mark(run, Glance::Everything),
            Err(error) => tracing::warn!(%error, "the watch was interrupted; it lists again"),
        }
    }
    Ok(())
}
