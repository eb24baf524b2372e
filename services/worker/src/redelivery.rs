//! Takes in what GitHub could not deliver: the entries of its delivery log that the ledger does not have, as if they had
//! come, through the same decision. An installation that GitHub cannot reach hears everything this way.
//!
//! A repository's log is read once a period by whichever worker claims the reading. The period is a setting, but never
//! so short that an account's repositories use up its limit on GitHub.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use domain::delivery_log::{self, Log};
use domain::ids::{CorrelationId, RepositoryId};
use forge::{DeliverySummary, ForgeError, RepositoryProvider};
use futures::{StreamExt, stream};
use runtime::Pace;
use serde_json::json;
use sha2::{Digest, Sha256};
use store::intake::{Arrival, IntakeError, Taken, take_in};
use store::repositories::{self, RepositoryRow};
use store::{clock, deliveries};
use tokio_util::sync::CancellationToken;

use crate::github::{self, Opened, Whom};
use crate::turn::changed;
use crate::{Deps, missed};

/// How often a worker looks whose log is due. An account's logs are read one a turn, so this is also the least time
/// between two of them; [`delivery_log::period`] leaves more than that to each.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// How many accounts' logs are read at the same moment.
const AT_ONCE: usize = 8;

/// What a loop remembers. Losing it costs one full answer a repository, and one line in the log.
#[derive(Default)]
struct Memory {
    /// The state of each log in which nothing was left to take in.
    versions: HashMap<RepositoryId, String>,
    /// Which period each account has whose repositories are too many for the one that is wished.
    stretched: HashMap<i64, TimeDelta>,
}

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    let mut memory = Memory::default();
    while pace.turn(&stop).await {
        if let Err(error) = catch_up(&deps, &mut memory).await {
            tracing::warn!(error = format!("{error:#}"), "reading delivery logs failed; the next turn tries again");
        }
    }
    Ok(())
}

/// Reads the logs that are due. One that fails is read again when it is due again.
async fn catch_up(deps: &Deps, memory: &mut Memory) -> anyhow::Result<()> {
    let now = clock::now(&deps.db).await.context("read the clock")?;
    let mut all = repositories::list(&deps.db, None).await.context("read the repositories")?;
    // Without a webhook there is no log.
    all.retain(|repository| repository.hook_id.is_some());
    let wished = TimeDelta::from_std(deps.config.redelivery).unwrap_or(TimeDelta::MAX);
    let logs: Vec<_> = all.iter().map(|repository| log_of(deps, repository, now)).collect();
    memory.note_periods(wished, &logs);
    let due = delivery_log::due(wished, &logs, now).into_iter().map(|place| &all[place]);
    let reads = due.map(|repository| {
        let known = memory.versions.remove(&repository.id);
        async move { (repository.id, read_if_ours(deps, repository, known.as_deref(), now).await) }
    });
    let read: Vec<_> = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await;
    memory.versions.extend(read.into_iter().filter_map(|(id, version)| Some((id, version?))));
    Ok(())
}

fn log_of(deps: &Deps, repository: &RepositoryRow, now: DateTime<Utc>) -> Log {
    Log {
        account: repository.bot_github_id,
        read_at: repository.log_read_at,
        held: deps.holds.until(Whom::of(repository), now).is_some(),
    }
}

impl Memory {
    /// Says once for each account that its logs are read more rarely than is wished.
    fn note_periods(&mut self, wished: TimeDelta, logs: &[Log]) {
        let periods = delivery_log::counts(logs)
            .into_iter()
            .map(|(account, logs)| (account, logs, delivery_log::period(wished, logs)));
        let stretched: Vec<_> = periods.filter(|(_, _, period)| *period > wished).collect();
        for (account, logs, period) in &stretched {
            if self.stretched.get(account) != Some(period) {
                let (wished, period) = (wished.num_seconds(), period.num_seconds());
                tracing::info!(
                    account,
                    repositories = logs,
                    wished,
                    period,
                    "delivery logs are read more rarely than is wished: GitHub limits an account's calls"
                );
            }
        }
        self.stretched = stretched.into_iter().map(|(account, _, period)| (account, period)).collect();
    }
}

/// Reads a log unless another worker does; gives the state in which nothing in it is left to take in.
async fn read_if_ours(
    deps: &Deps,
    repository: &RepositoryRow,
    known: Option<&str>,
    now: DateTime<Utc>,
) -> Option<String> {
    let read = async {
        let ours = repositories::claim_log(&deps.db, repository.id, repository.log_read_at).await;
        if ours.context("claim the reading of the log")? {
            read_log(deps, repository, known, now).await
        } else {
            Ok(known.map(str::to_owned))
        }
    };
    read.await.unwrap_or_else(|error: anyhow::Error| {
        let error = format!("{error:#}");
        tracing::warn!(repository = repository.full_name, error, "a delivery log was not read");
        None
    })
}

async fn read_log(
    deps: &Deps,
    repository: &RepositoryRow,
    known: Option<&str>,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<String>> {
    let Some(hook) = repository.hook_id else { return Ok(None) };
    let opened = github::open(&deps.config, repository.id, &repository.full_name, &repository.token_sealed)?;
    let reading = delivery_log::reading(repository.connected_at, repository.deliveries_seen_until, now);
    let log = match opened.github.deliveries(&opened.name, hook, reading.since, known).await {
        Err(ForgeError::NotFound { .. }) => return hook_lost(deps, repository, hook).await.map(|()| None),
        log => log.inspect_err(|error| {
            deps.holds.note(Whom::of(repository), error, now);
        })?,
    };
    deps.holds.answered(Whom::of(repository));
    let version = match log {
        None => known.map(str::to_owned),
        Some(log) => {
            let all_taken = take_missed(deps, &opened, hook, (log.entries, now)).await?;
            log.version.filter(|_| all_taken)
        }
    };
    if let Some(lost_since) = reading.lost_since {
        let compared = missed::compare(deps, repository, &opened, lost_since).await;
        compared.inspect_err(|error| note_limit(deps, repository, error, now)).context("compare with GitHub")?;
    }
    let seen = repositories::deliveries_seen(&deps.db, repository.id, reading.until).await;
    seen.context("note how far the log was read")?;
    Ok(version)
}

/// Comparing takes many calls: what is left of it waits until GitHub takes more.
fn note_limit(deps: &Deps, repository: &RepositoryRow, error: &anyhow::Error, now: DateTime<Utc>) {
    if let Some(error) = error.downcast_ref::<ForgeError>().filter(|error| error.is_passing()) {
        deps.holds.note(Whom::of(repository), error, now);
    }
}

/// Says once, where people look, that no label is heard any more; without a webhook there is no log to read either.
async fn hook_lost(deps: &Deps, repository: &RepositoryRow, hook: i64) -> anyhow::Result<()> {
    let finding = json!({
        "state": "failed",
        "remedy": "The webhook is not on GitHub any more. Check the repository again to register it anew.",
    });
    let noted = repositories::hook_lost(&deps.db, repository.id, hook, &finding).await;
    if noted.context("note that the webhook is gone")? {
        tracing::warn!(repository = repository.full_name, hook, "the webhook is gone; labels are not heard");
    }
    Ok(())
}

/// Takes in what the ledger lacks and will not get by itself, oldest first, once per delivery. Answers whether nothing else is
/// missing yet.
async fn take_missed(
    deps: &Deps,
    opened: &Opened,
    hook: i64,
    (mut log, now): (Vec<DeliverySummary>, DateTime<Utc>),
) -> anyhow::Result<bool> {
    log.sort_by_key(|entry| entry.delivered_at);
    let guids: Vec<_> = log.iter().map(|entry| entry.guid.clone()).collect();
    let unknown = deliveries::unknown_guids(&deps.db, &guids).await.context("compare with the ledger")?;
    let mut unknown: HashSet<_> = unknown.into_iter().collect();
    for entry in log {
        let is_lost = delivery_log::is_lost(entry.status_code, entry.delivered_at, now);
        if is_lost && unknown.remove(&entry.guid) {
            take(deps, opened, hook, &entry).await?;
        }
    }
    Ok(unknown.is_empty())
}

async fn take(deps: &Deps, opened: &Opened, hook: i64, missed: &DeliverySummary) -> anyhow::Result<()> {
    let delivery = opened.github.delivery(&opened.name, hook, missed.id).await.context("read a missed delivery")?;
    let body = serde_json::to_vec(&delivery.payload)?;
    let arrival = Arrival {
        guid: &delivery.guid,
        event: &delivery.event,
        body: &body,
        body_sha256: &Sha256::digest(&body),
        source: "delivery_log",
        correlation: CorrelationId::new(),
        wish: None,
    };
    match take_in(&deps.db, &arrival).await {
        Ok(Taken::New(stored)) => {
            metrics::counter!("worker_deliveries_recovered_total").increment(1);
            tracing::info!(guid = delivery.guid, event = delivery.event, "a missed delivery was taken in");
            if let Some(run) = stored.run_id {
                changed(deps, run.into()).await;
            }
            Ok(())
        }
        Ok(Taken::Duplicate(_)) => Ok(()),
        // The gateway would have refused it as well; the log may hold events of another time.
        Err(IntakeError::Unreadable(error)) => {
            tracing::warn!(guid = delivery.guid, error = %error, "a missed delivery cannot be read");
            Ok(())
        }
        Err(IntakeError::Store(error)) => Err(error).context("take a missed delivery in"),
    }
}
