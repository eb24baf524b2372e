//! Claims runs that are due, new ones and those whose owner went silent, and takes each through its first turn.

use std::sync::Arc;

use anyhow::Context;
use runtime::Pace;
use store::runs::lease;
use tokio_util::sync::CancellationToken;

use crate::desk::Glance;
use crate::{Deps, turn};

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = claim_all(&deps, &stop).await {
            tracing::error!(error = format!("{error:#}"), "claiming failed; the next turn tries again");
        }
    }
    Ok(())
}

/// Claims until nothing is due. A run is claimed only when there is a hand free to drive it: what waits should wait
/// where any worker can take it.
pub(crate) async fn claim_all(deps: &Arc<Deps>, stop: &CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let Some(hand) = turn::free_hand(deps, stop).await else { return Ok(()) };
        let claimed = lease::claim(&deps.db, &deps.worker, deps.config.lease_ttl).await.context("claim a run")?;
        let Some(lease) = claimed else { return Ok(()) };
        metrics::counter!("worker_runs_claimed_total").increment(1);
        turn::spawn(deps, lease, Glance::Everything, hand);
    }
    Ok(())
}
