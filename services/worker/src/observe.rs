//! Looks at the runs that this worker holds: those that something changed about at once, and all of them every few
//! seconds, because a watch and a notification may be lost, and because time limits come by themselves. Of runs that it
//! does not hold it only takes away what a decoy ended ([`tripped`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use runtime::Pace;
use store::runs::lease;
use tokio_util::sync::CancellationToken;

use crate::desk::Glance;
use crate::{Deps, tripped, turn};

/// All runs are looked at this often.
const RESYNC: Duration = Duration::from_secs(5);
/// Their rows, at least this often.
const GLANCE: Duration = Duration::from_secs(1);
/// A chatty run is not looked at more often than this.
const BREATH: Duration = Duration::from_millis(100);

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    let (mut looked, mut glanced) = (Instant::now(), Instant::now());
    while pace.turn(&stop).await {
        let all = if looked.elapsed() >= RESYNC {
            (looked, glanced) = (Instant::now(), Instant::now());
            Some(Glance::Everything)
        } else if glanced.elapsed() >= GLANCE {
            glanced = Instant::now();
            Some(Glance::Row)
        } else {
            None
        };
        if let Err(error) = look(&deps, all, &stop).await {
            tracing::error!(error = format!("{error:#}"), "looking failed; the next turn tries again");
        }
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}

/// Takes a turn of each held run that was marked, and of every one when `all` says how.
pub(crate) async fn look(deps: &Arc<Deps>, all: Option<Glance>, stop: &CancellationToken) -> anyhow::Result<()> {
    let marked = deps.desk.collect();
    if marked.is_empty() && all.is_none() {
        return Ok(());
    }
    let held = lease::held_by(&deps.db, &deps.worker).await.context("read the leases")?;
    let others: Vec<_> = marked.keys().copied().filter(|run| !held.iter().any(|lease| lease.run == *run)).collect();
    if !others.is_empty()
        && let Err(error) = tripped::stop(deps, &others).await
    {
        tracing::warn!(
            error = format!("{error:#}"),
            "a run that its decoy ended may still have a pod; the sweep takes it"
        );
    }
    for lease in held {
        let Some(glance) = marked.get(&lease.run).copied().max(all) else { continue };
        let Some(hand) = turn::free_hand(deps, stop).await else { return Ok(()) };
        turn::spawn(deps, lease, glance, hand);
    }
    Ok(())
}
