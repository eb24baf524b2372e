//! How a run ends, or goes back to the queue.

use anyhow::Context;
use cluster::Removal;
use domain::flow::FlowKind;
use domain::launch::{AfterFailure, after_failure};
use domain::reasons::Reason;
use domain::run::RunStatus;
use forge::ForgeError;
use serde_json::json;
use store::runs::progress::{self, Ending};
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

/// GitHub did not do what the run needs: later it may, and then the run's repository is left alone until then; otherwise
/// the run ends.
///
/// # Errors
/// With what may pass, so that the turn is taken again.
pub(crate) async fn forge_failed(turn: &Turn<'_>, error: ForgeError) -> anyhow::Result<()> {
    if error.is_passing() {
        turn.deps.holds.note(turn.row.repository_id, &error, turn.now);
        return Err(error.into());
    }
    finish(turn, RunStatus::Failed, Some(Reason::InfraError), &error.to_string(), false).await
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
