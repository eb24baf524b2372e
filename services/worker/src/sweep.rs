//! Takes away what no run needs any more: namespaces whose time is over or whose run is unknown, and Jobs that outlived
//! their run or were made by a worker after it had lost its lease. Only what carries our labels is looked at.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use cluster::RunNamespace;
use domain::flow::FlowKind;
use domain::ids::RunId;
use runtime::Pace;
use serde_json::json;
use store::clock;
use store::flow::Entry;
use store::outbound;
use store::runs::jobs;
use store::runs::sweep::{self, Owner};
use tokio_util::sync::CancellationToken;

use crate::Deps;
use crate::turn::changed;

/// Expired namespaces that one turn looks at.
const BATCH: i64 = 100;
/// A namespace without a run is left alone this long: its run may be on its way.
const UNKNOWN_GRACE: TimeDelta = TimeDelta::hours(1);

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = sweep_once(&deps).await {
            tracing::warn!(error = format!("{error:#}"), "sweeping failed; the next turn tries again");
        }
    }
    Ok(())
}

/// One sweep.
pub(crate) async fn sweep_once(deps: &Deps) -> anyhow::Result<()> {
    let now = clock::now(&deps.db).await.context("read the clock")?;
    outbound::forget_writes(&deps.db).await.context("forget old writes")?;
    remove_abandoned_jobs(deps, now).await?;
    let there = deps.cluster.run_namespaces().await?;
    let stuck_after = TimeDelta::from_std(deps.config.namespace_stuck).unwrap_or(TimeDelta::MAX);
    let mut stuck = 0_u32;
    for namespace in &there {
        let owner = owner(deps, namespace).await?;
        match verdict(namespace, owner.as_ref(), now, stuck_after) {
            Verdict::Keep => {}
            Verdict::Delete => deps.cluster.delete_namespace(&namespace.name, &namespace.uid).await?,
            Verdict::Stuck => {
                stuck += 1;
                report_stuck(deps, namespace, owner.map_or(namespace.run_id, |owner| owner.run_id)).await?;
            }
        }
    }
    metrics::gauge!("worker_namespaces_stuck").set(stuck);
    note_gone(deps, &there).await
}

/// The run that a namespace belongs to now, whoever it was made for.
async fn owner(deps: &Deps, namespace: &RunNamespace) -> anyhow::Result<Option<Owner>> {
    let uid = namespace.uid.parse().with_context(|| format!("{:?} is no UID", namespace.uid))?;
    sweep::owner(&deps.db, &namespace.name, uid, namespace.run_id).await.context("read a namespace's run")
}

/// Says that a namespace hangs in its removal, and on what: each time in the log, once on the page of its run. Only a
/// person can help; no run waits for it.
async fn report_stuck(deps: &Deps, namespace: &RunNamespace, run: RunId) -> anyhow::Result<()> {
    let on = namespace.stuck_on.join("; ");
    tracing::warn!(namespace = namespace.name, on, "a namespace hangs in its removal");
    let what = json!({ "namespace": namespace.name, "detail": on });
    let entry = Entry::new(FlowKind::NamespaceStuck, deps.actor(), what);
    if sweep::stuck(&deps.db, run, &entry).await.context("record a namespace that hangs")? {
        changed(deps, run).await;
    }
    Ok(())
}

/// Records the namespaces that are expired and not in the cluster any more.
async fn note_gone(deps: &Deps, there: &[RunNamespace]) -> anyhow::Result<()> {
    let uids: HashSet<&str> = there.iter().map(|namespace| namespace.uid.as_str()).collect();
    for expired in sweep::expired(&deps.db, BATCH).await.context("read expired namespaces")? {
        if uids.contains(expired.namespace_uid.to_string().as_str()) {
            continue;
        }
        let what = json!({ "namespace": expired.namespace });
        let entry = Entry::new(FlowKind::NamespaceDeleted, deps.actor(), what);
        sweep::deleted(&deps.db, expired.run_id, &entry).await.context("record a namespace's end")?;
        changed(deps, expired.run_id).await;
    }
    Ok(())
}

async fn remove_abandoned_jobs(deps: &Deps, now: DateTime<Utc>) -> anyhow::Result<()> {
    let jobs = deps.cluster.run_jobs().await?;
    let alive: HashMap<_, _> =
        jobs.iter().filter(|job| !job.ended).map(|job| ((job.run_id, job.launch), job)).collect();
    if alive.is_empty() {
        return Ok(());
    }
    let launches: Vec<_> = alive.keys().copied().collect();
    for launch in jobs::abandoned(&deps.db, &launches).await.context("read which Jobs have a run")? {
        let Some(job) = alive.get(&launch) else { continue };
        tracing::info!(namespace = job.namespace, job = job.name, "a Job without a run is removed");
        deps.cluster.delete_job(&job.namespace, &job.name, &job.uid, now).await?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    Delete,
    Stuck,
}

/// What to do about a namespace that carries our labels, given the run that it belongs to.
fn verdict(namespace: &RunNamespace, owner: Option<&Owner>, now: DateTime<Utc>, stuck_after: TimeDelta) -> Verdict {
    if let Some(since) = namespace.terminating_since {
        return if now - since > stuck_after { Verdict::Stuck } else { Verdict::Keep };
    }
    let over = match owner {
        // A run that ended before it had recorded its namespace gave it no time to live.
        Some(run) => !run.is_active && !run.is_kept && run.namespace_expires_at.is_none_or(|at| at <= now),
        None => now - namespace.created_at > UNKNOWN_GRACE,
    };
    if over { Verdict::Delete } else { Verdict::Keep }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_goes_when_no_run_needs_it() {
        let now: DateTime<Utc> = "2026-03-01T10:00:00Z".parse().unwrap();
        let ago = |minutes| Some(now - TimeDelta::minutes(minutes));
        let namespace = |age, terminating: Option<i64>| RunNamespace {
            name: "acme-dev-i1-00000000".into(),
            uid: "uid".into(),
            run_id: RunId::new(),
            created_at: now - TimeDelta::minutes(age),
            terminating_since: terminating.and_then(ago),
            stuck_on: vec![],
        };
        let run = |is_active, expires| Owner {
            run_id: RunId::new(),
            is_active,
            namespace_expires_at: expires,
            is_kept: false,
        };
        let kept = Owner { is_kept: true, ..run(false, ago(1)) };
        let table = [
            (namespace(90, None), Some(run(true, None)), Verdict::Keep),
            (namespace(90, None), Some(run(true, ago(1))), Verdict::Keep),
            (namespace(90, None), Some(run(false, ago(-60))), Verdict::Keep),
            (namespace(90, None), Some(kept), Verdict::Keep),
            (namespace(90, None), Some(run(false, ago(1))), Verdict::Delete),
            (namespace(90, None), Some(run(false, None)), Verdict::Delete),
            (namespace(5, None), None, Verdict::Keep),
            (namespace(90, None), None, Verdict::Delete),
            (namespace(90, Some(1)), None, Verdict::Keep),
            (namespace(90, Some(6)), None, Verdict::Stuck),
            (namespace(90, Some(6)), Some(run(true, None)), Verdict::Stuck),
        ];
        for (row, (namespace, owner, expected)) in table.into_iter().enumerate() {
            assert_eq!(verdict(&namespace, owner.as_ref(), now, TimeDelta::minutes(5)), expected, "row {row}");
        }
    }
}
