//! Delivers what must be true on GitHub: the service comment of each run, the comments that say why nothing started,
//! and labels. A row says what is wanted; delivering it twice changes nothing.

mod deliver;
mod words;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::limits;
use forge::ForgeError;
use runtime::Pace;
use store::clock;
use store::outbound::{self, ActionRow};
use store::repositories::{self, RepositoryRow};
use tokio_util::sync::CancellationToken;

use crate::github::Whom;
use crate::{Deps, github};

/// How long a delivery may take before another worker repeats it.
const LEASE: Duration = Duration::from_secs(60);
/// A wish that GitHub refuses is tried this often, one that it does not answer for as long as a day.
const REFUSALS: i32 = 5;
const TRIES: i32 = 300;
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = deliver_all(&deps, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "delivering failed; the next turn tries again");
        }
    }
    Ok(())
}

/// Delivers until nothing is due.
pub(crate) async fn deliver_all(deps: &Deps, stop: &CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let claimed = outbound::claim(&deps.db, &deps.worker, LEASE).await.context("claim an action")?;
        let Some(action) = claimed else { return Ok(()) };
        deliver_one(deps, &action).await?;
    }
    Ok(())
}

async fn deliver_one(deps: &Deps, action: &ActionRow) -> anyhow::Result<()> {
    let now = clock::now(&deps.db).await.context("read the clock")?;
    let repository = repositories::get(&deps.db, action.repository_id).await.context("read the repository")?;
    let Some(repository) = repository else {
        return settle(deps, action, "the repository is not connected any more", None).await;
    };
    let opened = match github::open(&deps.config, repository.id, &repository.full_name, &repository.token_sealed) {
        Ok(opened) => opened,
        Err(error) => return settle(deps, action, &format!("{error:#}"), Some(LONGEST_WAIT)).await,
    };
    if let Some(until) = quiet_until(deps, action, &repository, now).await? {
        return postpone(deps, action, until, None).await;
    }
    match deliver::deliver(deps, action, &repository, &opened).await {
        Ok(external_id) => {
            outbound::delivered(&deps.db, action, external_id).await.context("note a delivery")?;
            Ok(())
        }
        Err(deliver::Undelivered::Forge(error @ ForgeError::RateLimited { .. })) => {
            let until = deps.holds.note(Whom::of(&repository), &error, now);
            postpone(deps, action, until, Some(&error.to_string())).await
        }
        Err(deliver::Undelivered::Forge(error)) => {
            metrics::counter!("worker_outbound_failed_total").increment(1);
            settle(deps, action, &error.to_string(), wait(&error, action.attempts)).await
        }
        Err(deliver::Undelivered::Other(error)) => Err(error),
    }
}

/// Until when the account that would write is to be quiet: GitHub asked for it, or it wrote much lately.
async fn quiet_until(
    deps: &Deps,
    action: &ActionRow,
    repository: &RepositoryRow,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<DateTime<Utc>>> {
    if let Some(until) = deps.holds.limited_until(repository.bot_github_id, now) {
        return Ok(Some(until));
    }
    let writes = deliver::writes(action)?;
    outbound::spend(&deps.db, repository.bot_github_id, writes, limits::WORDS).await.context("ask for leave to write")
}

async fn postpone(deps: &Deps, action: &ActionRow, until: DateTime<Utc>, why: Option<&str>) -> anyhow::Result<()> {
    metrics::counter!("worker_outbound_postponed_total").increment(1);
    tracing::info!(action = %action.id, kind = action.kind, %until, why, "not delivered yet");
    outbound::postpone(&deps.db, action, until, why).await.context("postpone a delivery")?;
    Ok(())
}

async fn settle(deps: &Deps, action: &ActionRow, error: &str, wait: Option<Duration>) -> anyhow::Result<()> {
    tracing::warn!(action = %action.id, kind = action.kind, error, again = wait.is_some(), "not delivered");
    outbound::failed(&deps.db, action, error, wait).await.context("note a failed delivery")?;
    Ok(())
}

/// How long to wait before the next try; `None` to give up. `attempts` counts those that failed before.
pub(crate) fn wait(error: &ForgeError, attempts: i32) -> Option<Duration> {
    let grown = FIRST_WAIT.saturating_mul(1 << attempts.clamp(0, 10)).min(LONGEST_WAIT);
    match error {
        ForgeError::RateLimited { .. }
        | ForgeError::Unavailable { .. }
        | ForgeError::Unauthorized { .. }
        | ForgeError::Forbidden { .. } => (attempts < TRIES).then_some(grown),
        ForgeError::NotFound { .. } => None,
        ForgeError::Conflict { .. } | ForgeError::Validation { .. } | ForgeError::Other { .. } => {
            (attempts + 1 < REFUSALS).then_some(grown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_waited_out_and_a_refusal_is_believed() {
        let call = || "POST /x".to_owned();
        let away = ForgeError::Unavailable { call: call(), message: String::new() };
        let refused = ForgeError::Validation { call: call(), message: String::new() };
        let gone = ForgeError::NotFound { call: call() };
        let seconds = |error: &ForgeError, attempts| wait(error, attempts).map(|wait| wait.as_secs());
        assert_eq!((seconds(&away, 0), seconds(&away, 3), seconds(&away, 50)), (Some(2), Some(16), Some(300)));
        assert_eq!(seconds(&away, TRIES), None);
        assert_eq!((seconds(&refused, 0), seconds(&refused, 4)), (Some(2), None));
        assert_eq!(seconds(&gone, 0), None);
    }
}
