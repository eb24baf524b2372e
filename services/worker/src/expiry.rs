//! Closes what agents asked and nobody answered in time: open requests whose time is over. Their runs go on and are told.

use std::sync::Arc;

use anyhow::Context;
use domain::flow::FlowKind;
use runtime::Pace;
use serde_json::json;
use store::approvals;
use store::flow::Entry;
use tokio_util::sync::CancellationToken;

use crate::Deps;
use crate::turn::changed;

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = close_all(&deps, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "closing requests failed; the next turn tries again");
        }
    }
    Ok(())
}

async fn close_all(deps: &Deps, stop: &CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let entry = Entry::new(FlowKind::RequestExpired, deps.actor(), json!({}));
        let Some(run) = approvals::expire(&deps.db, &entry).await.context("close a request")? else { return Ok(()) };
        tracing::info!(%run, "nobody answered a request in time");
        changed(deps, run).await;
    }
    Ok(())
}
