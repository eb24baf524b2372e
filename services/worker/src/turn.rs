//! One turn of one run: read its row and its Job, decide, do one thing. A turn may be cut anywhere and taken again, by
//! this worker or by another.

use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, Utc};
use cluster::observe;
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::names;
use domain::run::{JobSeen, Reported, RunFacts, Step, next_step};
use runtime::correlation::Correlation;
use serde_json::json;
use store::clock;
use store::flow::Entry;
use store::runs::Lease;
use store::runs::progress::{self, Milestone, RunRow};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::desk::Glance;
use crate::github::{self, Opened, Whom};
use crate::{Deps, collect, ending, place, wake};

/// A run whose lease was seen to hold, and what is needed to act on it.
pub(crate) struct Turn<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) lease: Lease,
    pub(crate) row: RunRow,
    pub(crate) now: DateTime<Utc>,
}

/// Waits until this process may drive one more run; `None` when it stops.
pub(crate) async fn free_hand(deps: &Deps, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        () = stop.cancelled() => None,
        hand = deps.hands.clone().acquire_owned() => hand.ok(),
    }
}

/// Takes a turn in a task of its own, unless the run is in hand already.
pub(crate) fn spawn(deps: &Arc<Deps>, lease: Lease, glance: Glance, hand: OwnedSemaphorePermit) {
    let Some(in_hand) = deps.desk.take(lease.run, glance) else { return };
    let task = deps.clone();
    deps.turns.spawn(async move {
        if let Err(error) = take(&task, lease, glance).await {
            tracing::warn!(run = %lease.run, error = format!("{error:#}"), "a turn failed; it will be taken again");
        }
        drop((in_hand, hand));
    });
}

/// Takes one turn.
pub(crate) async fn take(deps: &Deps, lease: Lease, glance: Glance) -> anyhow::Result<()> {
    let row = progress::load(&deps.db, lease).await.context("read the run")?;
    // Nothing to read: the run is over, or another worker's.
    let Some(row) = row else { return Ok(()) };
    let facts = row.facts();
    if glance == Glance::Row && is_quiet(&row, &facts) {
        return Ok(());
    }
    let correlation = Correlation::of(row.correlation_id.0);
    let now = clock::now(&deps.db).await.context("read the clock")?;
    correlation.scope(Turn { deps, lease, row, now }.act(&facts)).await
}

/// Nothing in the row asks for anything, so only the cluster could.
fn is_quiet(row: &RunRow, facts: &RunFacts) -> bool {
    row.job_uid.is_some() && !facts.cancel_requested && !facts.deadline_passed && facts.reported == Reported::Nothing
}

impl Turn<'_> {
    async fn act(&self, facts: &RunFacts) -> anyhow::Result<()> {
        match next_step(facts, self.sight().await?) {
            Step::Nothing | Step::Wait => Ok(()),
            Step::Launch => place::launch(self).await,
            Step::Collect => collect::collect(self).await,
            Step::Park(until) => ending::wait_for_model(self, until).await,
            Step::WaitForPeople => ending::wait_for_people(self).await,
            Step::LaunchFailed(reason, detail) => ending::launch_failed(self, reason, &detail).await,
            Step::Finish(status, reason, detail) => ending::stop(self, status, reason, &detail).await,
            Step::DeleteJob => self.remove_job().await.map(drop),
        }
    }

    /// What the cluster shows, and a note in the row when the pod is seen running for the first time.
    async fn sight(&self) -> anyhow::Result<JobSeen> {
        let Some(uid) = self.row.job_uid else { return Ok(JobSeen::NeverMade) };
        let sighting = self.deps.cluster.sight(&self.row.namespace, &self.job_name()).await?;
        let seen = observe(Some(&uid.to_string()), &sighting, self.now, self.deps.config.pods.place_wait);
        if seen == (JobSeen::Active { pod_running: true }) && self.row.started_at.is_none() {
            let mut running = Milestone::new(self.entry(FlowKind::PodRunning, json!({ "job": self.job_name() })));
            running.started = true;
            self.reach(&running).await?;
        }
        Ok(seen)
    }

    /// Name of the current launch's Job.
    pub(crate) fn job_name(&self) -> String {
        names::job(self.row.id, self.row.launch)
    }

    /// Deletes the current launch's Job and tells its pod to stop; how far that has come.
    pub(crate) async fn remove_job(&self) -> anyhow::Result<cluster::Removal> {
        let Some(uid) = self.row.job_uid else { return Ok(cluster::Removal::Gone) };
        let (namespace, job) = (&self.row.namespace, self.job_name());
        Ok(self.deps.cluster.delete_job(namespace, &job, &uid.to_string(), self.now).await?)
    }

    /// The run's repository, to be asked about it; `None` while GitHub wants to be left alone, and then the run is
    /// parked if that is long.
    pub(crate) async fn repository(&self) -> anyhow::Result<Option<Opened>> {
        let (row, deps) = (&self.row, self.deps);
        if let Some(until) = deps.holds.until(self.whom(), self.now) {
            ending::wait_for_github(self, until, "").await?;
            return Ok(None);
        }
        github::open(&deps.config, row.repository_id, &row.repository, &row.token_sealed).map(Some)
    }

    /// Whom calls to the repository are about.
    pub(crate) fn whom(&self) -> Whom {
        Whom { account: self.row.bot_github_id, repository: self.row.repository_id }
    }

    /// An audit event by this worker.
    pub(crate) fn entry(&self, kind: FlowKind, data: serde_json::Value) -> Entry {
        Entry::new(kind, self.deps.actor(), data)
    }

    /// Records a milestone. `false`: the run is not ours any more.
    pub(crate) async fn reach(&self, milestone: &Milestone) -> anyhow::Result<bool> {
        let ours = progress::reach(&self.deps.db, self.lease, milestone).await.context("record a milestone")?;
        if ours {
            changed(self.deps, self.row.id).await;
        }
        Ok(ours)
    }
}

/// Tells viewers that a run changed, and the others that there may be something to deliver.
pub(crate) async fn changed(deps: &Deps, run: RunId) {
    wake::tell(deps, true, run.0).await;
}
