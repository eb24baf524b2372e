//! Does what people have approved: actions of agents, one lease each. What an action is about is looked at once more
//! before the first touch; after that it is done, as often as it takes, and a worker that dies in the middle is followed
//! by another that ends in the same state.

mod databases;
mod environments;
mod labels;
mod objects;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use cluster::{ChangeError, ClusterError};
use domain::approvals::{ApprovalState, Asked, Effect};
use domain::flow::FlowKind;
use forge::ForgeError;
use runtime::Pace;
use serde_json::{Value, json};
use store::approvals::apply::{self, Applied, ToApply};
use store::clock;
use store::flow::Entry;
use store::managed;
use store::outbound::LabelChange;
use store::repositories::{self, RepositoryRow};
use tokio_util::sync::CancellationToken;

use crate::github::{self, Opened, Whom};
use crate::turn::changed;
use crate::{Deps, outbound};

/// How long one try may take before another worker does it again, and when it gives up by itself, so that two are never at
/// it and nobody who does not answer holds up what is approved elsewhere.
const LEASE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(45);
/// Before the cluster is asked again: twice as long each time, up to the longest; an hour in all.
const CLUSTER_PAUSE: TimeDelta = TimeDelta::seconds(2);
const LONGEST_CLUSTER_PAUSE: TimeDelta = TimeDelta::seconds(60);
const CLUSTER_TRIES: i32 = 64;
/// Before a repository is opened again whose token could not be.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = apply_all(&deps, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "doing what was approved failed; the next turn tries again");
        }
    }
    Ok(())
}

async fn apply_all(deps: &Deps, stop: &CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let claimed = apply::claim(&deps.db, &deps.worker, LEASE).await.context("claim an approved action")?;
        let Some(action) = claimed else { return Ok(()) };
        apply_one(deps, &action).await?;
    }
    Ok(())
}

/// How a try went.
enum Tried {
    /// It is as it was approved to be.
    Done(Made),
    /// What it is about has changed.
    Stale,
    /// Not before then.
    Later(DateTime<Utc>),
    /// Another worker has it.
    Lost,
}

/// What an action has made.
#[derive(Debug, Default)]
struct Made {
    /// Labels that the run has moved by it.
    labels: LabelChange,
    /// What came of it, as the agent is told it; never a secret.
    result: Option<Value>,
}

/// Why a try failed.
#[derive(Debug, thiserror::Error)]
enum Untried {
    /// GitHub did not do it.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// The cluster did not do it.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The cluster did not do it.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The server for databases did not do it.
    #[error("the server for databases: {0}")]
    Server(store::Error),
    /// What was made in part, and will not be made whole, could not be taken away yet.
    #[error("what was made in part is still there: {0}")]
    Left(store::Error),
    /// It cannot be done as things are, in words; nobody has to be asked again.
    #[error("{0}")]
    Refused(String),
    /// One half of it is done, and the other was not.
    #[error("{done}, and then: {error}")]
    Half { done: &'static str, error: Box<Self> },
    /// Somebody did not answer.
    #[error("it took too long")]
    Slow,
    /// The platform failed.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Untried {
    /// Whether another try may do it.
    fn is_passing(&self) -> bool {
        match self {
            Self::Forge(error) => error.is_passing(),
            Self::Change(error) => matches!(error, ChangeError::Unavailable(_)),
            Self::Cluster(error) => error.is_transient(),
            Self::Server(error) => managed::is_passing(error),
            Self::Refused(_) => false,
            Self::Half { error, .. } => error.is_passing(),
            // Nobody else would ever take it away, and its name would stay taken.
            Self::Left(_) | Self::Slow | Self::Other(_) => true,
        }
    }

    /// GitHub's answer, if that is what went wrong.
    fn forge(&self) -> Option<&ForgeError> {
        match self {
            Self::Forge(error) => Some(error),
            Self::Half { error, .. } => error.forge(),
            _ => None,
        }
    }

    /// What has become of the action when nobody tries again: what another try might have done, and what was done by half,
    /// is for people to look at.
    fn end(&self) -> ApprovalState {
        let may_be_done = matches!(self, Self::Half { .. }) || self.is_passing();
        if may_be_done { ApprovalState::Unknown } else { ApprovalState::Failed }
    }
}

async fn apply_one(deps: &Deps, action: &ToApply) -> anyhow::Result<()> {
    let now = clock::now(&deps.db).await.context("read the clock")?;
    let repository = repositories::get(&deps.db, action.repository_id).await.context("read the repository")?;
    let Some(repository) = repository else {
        return settle(deps, action, ApprovalState::Failed, Some("the repository is not connected any more")).await;
    };
    let tried = tokio::time::timeout(PATIENCE, attempt(deps, action, &repository, now)).await;
    match tried.unwrap_or(Err(Untried::Slow)) {
        Ok(Tried::Done(made)) => conclude(deps, action, ApprovalState::Applied, None, made).await,
        Ok(Tried::Stale) => settle(deps, action, ApprovalState::Stale, None).await,
        Ok(Tried::Later(until)) => again(deps, action, until, false).await,
        Ok(Tried::Lost) => Ok(()),
        Err(error) => failed(deps, action, &repository, (error, now)).await,
    }
}

async fn attempt(
    deps: &Deps,
    action: &ToApply,
    repository: &RepositoryRow,
    now: DateTime<Utc>,
) -> Result<Tried, Untried> {
    let Asked::Action(asked) = &action.asked.0 else {
        return Err(anyhow::anyhow!("request {} is no action", action.id).into());
    };
    match &asked.effect {
        Effect::Labels { change, seen } => {
            let opened = match open(deps, action, repository, now) {
                Ok(opened) => opened,
                Err(until) => return Ok(Tried::Later(until)),
            };
            labels::attempt(deps, action, repository, &opened, change, seen).await
        }
        Effect::Object(change) => objects::attempt(deps, action, change, now).await,
        Effect::Secret { sync, seen } => {
            let opened = match open(deps, action, repository, now) {
                Ok(opened) => opened,
                Err(until) => return Ok(Tried::Later(until)),
            };
            secrets::attempt(deps, action, repository, &opened, sync, seen).await
        }
        Effect::Database { change, seen } => databases::attempt(deps, action, repository, change, seen).await,
    }
}

/// The repository on GitHub, or when to try again.
fn open(
    deps: &Deps,
    action: &ToApply,
    repository: &RepositoryRow,
    now: DateTime<Utc>,
) -> Result<Opened, DateTime<Utc>> {
    let opened = github::open(&deps.config, repository.id, &repository.full_name, &repository.token_sealed);
    let opened = opened.map_err(|error| {
        tracing::warn!(error = format!("{error:#}"), request = %action.id, "the repository cannot be opened");
        now + PAUSE
    })?;
    deps.holds.until(Whom::of(repository), now).map_or(Ok(opened), Err)
}

/// A try that failed: again later, or given up when it has failed often enough.
async fn failed(
    deps: &Deps,
    action: &ToApply,
    repository: &RepositoryRow,
    (error, now): (Untried, DateTime<Utc>),
) -> anyhow::Result<()> {
    if let Some(limited @ ForgeError::RateLimited { .. }) = error.forge() {
        let until = deps.holds.note(Whom::of(repository), limited, now);
        return again(deps, action, until, false).await;
    }
    let wait = wait(&error, action.attempts);
    let said = format!("{error:#}");
    tracing::warn!(request = %action.id, error = said, again = wait.is_some(), "an approved action is not done");
    match wait {
        Some(wait) => again(deps, action, now + wait, true).await,
        None => settle(deps, action, error.end(), Some(&error.to_string())).await,
    }
}

/// Until the next try. The cluster, the server for databases and the platform itself are waited for as long as an hour.
fn wait(error: &Untried, failed: i32) -> Option<TimeDelta> {
    if let Some(error) = error.forge() {
        return outbound::wait(error, failed).and_then(|wait| TimeDelta::from_std(wait).ok());
    }
    let pause = (CLUSTER_PAUSE * (1 << failed.clamp(0, 10))).min(LONGEST_CLUSTER_PAUSE);
    (error.is_passing() && failed < CLUSTER_TRIES).then_some(pause)
}

async fn again(deps: &Deps, action: &ToApply, until: DateTime<Utc>, failed: bool) -> anyhow::Result<()> {
    apply::postpone(&deps.db, action, until, failed).await.context("postpone an approved action")?;
    Ok(())
}

/// It is over, and nothing was done that is known.
async fn settle(deps: &Deps, action: &ToApply, state: ApprovalState, why: Option<&str>) -> anyhow::Result<()> {
    conclude(deps, action, state, why, Made::default()).await
}

async fn conclude(
    deps: &Deps,
    action: &ToApply,
    state: ApprovalState,
    trouble: Option<&str>,
    Made { labels, result }: Made,
) -> anyhow::Result<()> {
    let kind = if state == ApprovalState::Stale { FlowKind::RequestStale } else { FlowKind::RequestApplied };
    let data = json!({ "request": action.id, "state": state, "trouble": trouble });
    let applied = Applied { state, trouble, labels, result, flow: Entry::new(kind, deps.actor(), data) };
    let held = apply::settle(&deps.db, action, &applied).await.context("settle an approved action")?;
    if held {
        tracing::info!(request = %action.id, run = %action.run_id, %state, "an approved action is over");
        changed(deps, action.run_id).await;
    }
    Ok(())
}
