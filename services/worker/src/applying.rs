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

/// How long one try may take before another worker does it again.
const LEASE: Duration = Duration::from_secs(60);
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
            // Nobody else would ever take it away, and its name would stay taken.
            Self::Left(_) | Self::Other(_) => true,
        }
    }
}

async fn apply_one(deps: &Deps, action: &ToApply) -> anyhow::Result<()> {
    let now = clock::now(&deps.db).await.context("read the clock")?;
    let repository = repositories::get(&deps.db, action.repository_id).await.context("read the repository")?;
    let Some(repository) = repository else {
        return settle(deps, action, ApprovalState::Failed, Some("the repository is not connected any more")).await;
    };
    match attempt(deps, action, &repository, now).await {
        Ok(Tried::Done(made)) => conclude(deps, action, ApprovalState::Applied, None, made).await,
        Ok(Tried::Stale) => settle(deps, action, ApprovalState::Stale, None).await,
        Ok(Tried::Later(until)) => again(deps, action, until, false).await,
        Ok(Tried::Lost) => Ok(()),
        Err(Untried::Forge(error @ ForgeError::RateLimited { .. })) => {
            let until = deps.holds.note(Whom::of(&repository), &error, now);
            again(deps, action, until, false).await
        }
        Err(Untried::Forge(error)) => failed(deps, action, &error, now).await,
        Err(error @ (Untried::Change(_) | Untried::Cluster(_) | Untried::Server(_) | Untried::Left(_))) => {
            unplaced(deps, action, &error, now).await
        }
        Err(Untried::Refused(why)) => settle(deps, action, ApprovalState::Failed, Some(&why)).await,
        Err(Untried::Other(error)) => Err(error),
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

/// A try that failed: again later, or given up when it has failed often enough. What may have been done in part is not
/// known then.
async fn failed(deps: &Deps, action: &ToApply, error: &ForgeError, now: DateTime<Utc>) -> anyhow::Result<()> {
    let wait = outbound::wait(error, action.attempts).and_then(|wait| TimeDelta::from_std(wait).ok());
    tracing::warn!(request = %action.id, %error, again = wait.is_some(), "an approved action is not done");
    match wait {
        Some(wait) => again(deps, action, now + wait, true).await,
        None if error.is_passing() => settle(deps, action, ApprovalState::Unknown, Some(&error.to_string())).await,
        None => settle(deps, action, ApprovalState::Failed, Some(&error.to_string())).await,
    }
}

/// The same of the cluster and of the server for databases, which are waited for as long as an hour.
async fn unplaced(deps: &Deps, action: &ToApply, error: &Untried, now: DateTime<Utc>) -> anyhow::Result<()> {
    let goes_on = error.is_passing() && action.attempts < CLUSTER_TRIES;
    tracing::warn!(request = %action.id, %error, again = goes_on, "an approved action is not done");
    if goes_on {
        let wait = (CLUSTER_PAUSE * (1 << action.attempts.clamp(0, 10))).min(LONGEST_CLUSTER_PAUSE);
        return again(deps, action, now + wait, true).await;
    }
    let state = if error.is_passing() { ApprovalState::Unknown } else { ApprovalState::Failed };
    settle(deps, action, state, Some(&error.to_string())).await
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
