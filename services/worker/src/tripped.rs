//! Takes the Jobs of runs away whose decoy turned up. Such a run has ended already, whoever held it, so it is on no desk any
//! more: every worker that hears of it does this at once, and the sweep does it where nobody heard.

use anyhow::Context;
use domain::ids::RunId;
use domain::names;
use store::clock;
use store::runs::jobs::{self, TrippedJob};

use crate::Deps;

/// Of these runs, which this worker does not hold, stops those that ended this way.
pub(crate) async fn stop(deps: &Deps, runs: &[RunId]) -> anyhow::Result<()> {
    let tripped = jobs::tripped(&deps.db, runs).await.context("read which runs were ended by their decoy")?;
    if tripped.is_empty() {
        return Ok(());
    }
    let now = clock::now(&deps.db).await.context("read the clock")?;
    for TrippedJob { run_id, launch, namespace, job_uid } in tripped {
        let job = names::job(run_id, launch);
        deps.cluster.delete_job(&namespace, &job, &job_uid.to_string(), now).await?;
    }
    Ok(())
}
