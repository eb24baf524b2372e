//! Renews the leases of this worker while it lives, and gives them back when it stops. Expired leases of others are
//! taken over by claiming ([`crate::launch`]).

use std::sync::Arc;
use std::time::Duration;

use runtime::Pace;
use store::runs::lease;
use store::wake;
use tokio_util::sync::CancellationToken;

use crate::Deps;

/// Turns that have begun get this long to finish before their leases are given back.
const FINISH: Duration = Duration::from_secs(5);

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        match lease::renew_all(&deps.beat_db, &deps.worker, deps.config.lease_ttl).await {
            Ok(held) => metrics::gauge!("worker_runs_held").set(u32::try_from(held.len()).unwrap_or(u32::MAX)),
            Err(error) => tracing::warn!(%error, "leases were not renewed"),
        }
    }
    deps.turns.close();
    if tokio::time::timeout(FINISH, deps.turns.wait()).await.is_err() {
        tracing::warn!("a turn is still running; its writes will be refused once another worker has the run");
    }
    // Left alone, the leases run out by themselves; giving them back only saves the others the wait.
    match lease::release_all(&deps.beat_db, &deps.worker).await {
        Ok(()) => wake::notify(&deps.beat_db, true, &[]).await.unwrap_or_default(),
        Err(error) => tracing::warn!(%error, "leases were not given back; they run out by themselves"),
    }
    Ok(())
}
