//! Forgets what people were told long ago: the menu of notices is no archive, the runs' pages are.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use runtime::Pace;
use store::notices;
use tokio_util::sync::CancellationToken;

use crate::Deps;

/// How long notices are kept.
const AGE: Duration = Duration::from_hours(90 * 24);
/// How many are forgotten by one statement, so that it never holds its locks for long.
const AT_ONCE: i64 = 500;

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = forget_all(&deps, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "forgetting old notices failed; the next turn tries again");
        }
    }
    Ok(())
}

async fn forget_all(deps: &Deps, stop: &CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let forgotten = notices::forget(&deps.db, AGE, AT_ONCE).await.context("forget old notices")?;
        if forgotten == 0 {
            return Ok(());
        }
        tracing::info!(forgotten, "old notices are forgotten");
    }
    Ok(())
}
