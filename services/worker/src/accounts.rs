//! Makes the accounts that try and make changes in the namespaces of runs whose agents want to try their first one: rows of
//! `change_accounts`. Two workers that see the same row do the same.

use std::sync::Arc;

use anyhow::Context;
use cluster::RunMarks;
use domain::stages::Right;
use runtime::Pace;
use store::runs::accounts::{self, WantedRow};
use tokio_util::sync::CancellationToken;

use crate::Deps;
use crate::turn::changed;

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = make_all(&deps).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "who wants to try changes is not known; the next turn looks again"
            );
        }
    }
    Ok(())
}

async fn make_all(deps: &Deps) -> anyhow::Result<()> {
    for wanted in accounts::wanted(&deps.db).await.context("read who wants to try a change")? {
        let run = wanted.run_id;
        if let Err(error) = make(deps, wanted).await {
            let error = format!("{error:#}");
            tracing::warn!(%run, error, "the accounts of changes are not made; the next turn tries again");
        }
    }
    Ok(())
}

/// A run whose policy has lost the right meanwhile gets none, and is not asked about again.
async fn make(deps: &Deps, wanted: WantedRow) -> anyhow::Result<()> {
    let (run, surroundings) = (wanted.run_id, wanted.surroundings());
    if surroundings.has(Right::Change) {
        let marks = RunMarks {
            run_id: run,
            project_id: wanted.project_id,
            issue: wanted.subject_number,
            role: wanted.role,
            mode: surroundings.mode(),
            namespace: wanted.namespace,
        };
        deps.cluster.make_change_accounts(&marks).await.context("make the accounts of changes")?;
    }
    accounts::made(&deps.db, run).await.context("note that they are made")?;
    changed(deps, run).await;
    Ok(())
}
