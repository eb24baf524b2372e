//! Takes in what GitHub could not deliver. GitHub never repeats a delivery by itself, but keeps a log of three days; its
//! entries that the ledger does not have are taken in as if they had come, through the same decision.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::CorrelationId;
use forge::{DeliverySummary, ForgeError, RepositoryProvider};
use runtime::Pace;
use serde_json::json;
use sha2::{Digest, Sha256};
use store::intake::{Arrival, IntakeError, Taken, take_in};
use store::repositories::{self, RepositoryRow};
use store::{clock, deliveries};
use tokio_util::sync::CancellationToken;

use crate::Deps;
use crate::github::{self, Opened, Whom};
use crate::turn::changed;

/// How far GitHub's log goes back, with a margin.
const LOG: TimeDelta = TimeDelta::hours(70);
/// What is younger may still be on its way to us.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(20);
/// The log is read again from this much before where it was read up to: its entries are not strictly in order.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = catch_up(&deps, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "reading delivery logs failed; the next turn tries again");
        }
    }
    Ok(())
}

/// Reads the log of every connected repository. One that fails does not keep the others waiting.
pub(crate) async fn catch_up(deps: &Deps, stop: &CancellationToken) -> anyhow::Result<()> {
    let now = clock::now(&deps.db).await.context("read the clock")?;
    for repository in repositories::list(&deps.db, None).await.context("read the repositories")? {
        if stop.is_cancelled() {
            break;
        }
        if deps.holds.until(Whom::of(&repository), now).is_some() {
            continue;
        }
        if let Err(error) = read_log(deps, &repository, now).await {
            let error = format!("{error:#}");
            tracing::warn!(repository = repository.full_name, error, "a delivery log was not read");
        }
    }
    Ok(())
}

async fn read_log(deps: &Deps, repository: &RepositoryRow, now: DateTime<Utc>) -> anyhow::Result<()> {
    let Some(hook) = repository.hook_id else { return Ok(()) };
    let opened = github::open(&deps.config, repository.id, &repository.full_name, &repository.token_sealed)?;
    let since = repository.deliveries_seen_until.map_or(repository.connected_at, |until| until - OVERLAP);
    let log = match opened.github.deliveries(&opened.name, hook, since.max(now - LOG)).await {
        Err(ForgeError::NotFound { .. }) => return hook_lost(deps, repository, hook).await,
        log => log.inspect_err(|error| {
            deps.holds.note(Whom::of(repository), error, now);
        })?,
    };
    deps.holds.answered(Whom::of(repository));
    let until = now - ON_ITS_WAY;
    for missed in missed(deps, log, until).await? {
        take(deps, &opened, hook, &missed).await?;
    }
    repositories::deliveries_seen(&deps.db, repository.id, until).await.context("note how far the log was read")
}

/// Says once, where people look, that no label is heard any more; without a webhook there is no log to read either.
async fn hook_lost(deps: &Deps, repository: &RepositoryRow, hook: i64) -> anyhow::Result<()> {
    let finding = json!({
        "state": "failed",
        "remedy": "The webhook is not on GitHub any more. Check the repository again to register it anew.",
    });
    let noted = repositories::hook_lost(&deps.db, repository.id, hook, "webhook_registered", &finding).await;
    if noted.context("note that the webhook is gone")? {
        tracing::warn!(repository = repository.full_name, hook, "the webhook is gone; labels are not heard");
    }
    Ok(())
}

/// Of the log, what the ledger lacks, oldest first, once per delivery.
async fn missed(
    deps: &Deps,
    mut log: Vec<DeliverySummary>,
    until: DateTime<Utc>,
) -> anyhow::Result<Vec<DeliverySummary>> {
    log.retain(|entry| entry.delivered_at <= until);
    log.sort_by_key(|entry| entry.delivered_at);
    let guids: Vec<_> = log.iter().map(|entry| entry.guid.clone()).collect();
    let unknown = deliveries::unknown_guids(&deps.db, &guids).await.context("compare with the ledger")?;
    let mut unknown: HashSet<_> = unknown.into_iter().collect();
    log.retain(|entry| unknown.remove(&entry.guid));
    Ok(log)
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
