//! How a run ends, or goes back to the queue.

use anyhow::Context;
use chrono::{DateTime, Utc};
use cluster::Removal;
use domain::flow::FlowKind;
use domain::launch::{AfterFailure, after_failure};
use domain::limits::{self, LimitOf};
use domain::reasons::Reason;
use domain::run::RunStatus;
use forge::ForgeError;
use serde_json::json;
use store::runs::progress::{self, Ending, Parking};
use vault::Redactor;

use crate::review_gate;
use crate::turn::{Turn, changed};

/// Longest detail that is kept, in characters.
const DETAIL_LIMIT: usize = 1000;

/// Ends a run that was cancelled or is late. The row ends when no pod is left: until then the token serves saving, and
/// then nothing, whatever the pod does.
pub(crate) async fn stop(turn: &Turn<'_>, status: RunStatus, reason: Reason, detail: &str) -> anyhow::Result<()> {
    match turn.remove_job().await? {
        Removal::Going => Ok(()),
        Removal::Gone => finish(turn, status, Some(reason), detail, false).await,
        Removal::Stuck => {
            tracing::warn!(run = %turn.row.id, namespace = turn.row.namespace, "a pod outlives its run: its node does not answer");
            finish(turn, status, Some(reason), detail, false).await
        }
    }
}

/// Counts a failed launch: another one later, or the end of the run. What was seen is recorded before the Job goes,
/// because afterwards nobody could see it any more.
pub(crate) async fn launch_failed(turn: &Turn<'_>, reason: Reason, detail: &str) -> anyhow::Result<()> {
    let detail = presentable(detail);
    metrics::counter!("worker_launches_failed_total", "reason" => reason.as_str()).increment(1);
    match after_failure(reason, turn.row.attempts + 1, turn.deps.config.retry) {
        AfterFailure::GiveUp(status) => finish(turn, status, Some(reason), &detail, true).await?,
        AfterFailure::Again(wait) => {
            let what = json!({ "reason": reason, "detail": detail, "launch": turn.row.launch });
            let entry = turn.entry(FlowKind::LaunchFailed, what);
            progress::requeue(&turn.deps.db, turn.lease, wait, &entry).await.context("give the run back")?;
            changed(turn.deps, turn.row.id).await;
        }
    }
    // Best done now; the next launch and the sweep do it too.
    turn.remove_job().await.map(drop)
}

/// GitHub did not do what the run needs. Later it may, and is left alone until then; otherwise the run ends.
pub(crate) async fn forge_failed(turn: &Turn<'_>, error: &ForgeError) -> anyhow::Result<()> {
    if !error.is_passing() {
        return finish(turn, RunStatus::Failed, Some(Reason::InfraError), &error.to_string(), false).await;
    }
    let until = turn.deps.holds.note(turn.whom(), error, turn.now);
    tracing::warn!(run = %turn.row.id, %error, %until, "GitHub is left alone for now");
    wait_for_github(turn, until, &error.to_string()).await
}

/// Parks the run if that is worth it; otherwise it is looked at again where it is.
pub(crate) async fn wait_for_github(turn: &Turn<'_>, until: DateTime<Utc>, detail: &str) -> anyhow::Result<()> {
    if limits::is_worth_parking(until - turn.now) {
        return park(turn, LimitOf::GitHub, until, detail, false).await;
    }
    Ok(())
}

/// The agent met a limit of the model, and its launch is over.
pub(crate) async fn wait_for_model(turn: &Turn<'_>, until: DateTime<Utc>) -> anyhow::Result<()> {
    let detail = turn.row.reported_detail.as_deref().unwrap_or_default();
    park(turn, LimitOf::Model, until, detail, true).await?;
    // Best done now; the next launch and the sweep do it too.
    turn.remove_job().await.map(drop)
}

/// The agent has asked people and ended its turn: the run waits for them without a pod, or goes on when they have
/// answered meanwhile.
pub(crate) async fn wait_for_people(turn: &Turn<'_>) -> anyhow::Result<()> {
    let entry = turn.entry(FlowKind::RunWaits, json!({ "launch": turn.row.launch }));
    if progress::wait_for_people(&turn.deps.db, turn.lease, &entry).await.context("let the run wait")? {
        tracing::info!(run = %turn.row.id, "the run waits for people");
        changed(turn.deps, turn.row.id).await;
    }
    // Best done now; the next launch and the sweep do it too.
    turn.remove_job().await.map(drop)
}

async fn park(
    turn: &Turn<'_>,
    by: LimitOf,
    until: DateTime<Utc>,
    detail: &str,
    close_launch: bool,
) -> anyhow::Result<()> {
    let detail = presentable(detail);
    let what = json!({ "by": by, "until": until, "detail": detail, "launch": turn.row.launch });
    let parking = Parking { by, until, detail: &detail, close_launch, flow: turn.entry(FlowKind::RunParked, what) };
    if progress::park(&turn.deps.db, turn.lease, &parking).await.context("park the run")? {
        tracing::info!(run = %turn.row.id, %by, %until, "the run is parked");
        metrics::counter!("worker_runs_parked_total", "by" => by.as_str()).increment(1);
        changed(turn.deps, turn.row.id).await;
    }
    Ok(())
}

/// Ends the run's row; the labels on its issue follow.
pub(crate) async fn finish(
    turn: &Turn<'_>,
    status: RunStatus,
    reason: Option<Reason>,
    detail: &str,
    launch_failed: bool,
) -> anyhow::Result<()> {
    let detail = presentable(detail);
    let labels = review_gate::labels_at_the_end(&turn.row);
    let mut what = json!({ "status": status, "launch": turn.row.launch });
    if let Some(reason) = reason {
        what["reason"] = json!(reason);
        what["detail"] = json!(detail);
    }
    let ending = Ending {
        status,
        reason,
        detail: &detail,
        launch_failed,
        labels: &labels,
        flow: turn.entry(FlowKind::RunFinished, what),
    };
    if progress::finish(&turn.deps.db, turn.lease, &ending).await.context("end the run")? {
        tracing::info!(run = %turn.row.id, %status, reason = reason.map(Reason::as_str), "the run is over");
        metrics::counter!("worker_runs_finished_total", "status" => status.as_str()).increment(1);
        changed(turn.deps, turn.row.id).await;
    }
    Ok(())
}

/// What was seen, without secrets and addresses, and short: it is shown to people.
fn presentable(detail: &str) -> String {
    let clean = Redactor::new([]).with_addresses().redact(detail).into_owned();
    clean.chars().take(DETAIL_LIMIT).collect()
}
