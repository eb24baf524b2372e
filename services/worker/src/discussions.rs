//! Discussions on issues that carry `mode:discussion`. A turn is started where a comment waits for an answer and neither a
//! turn nor a stage of the issue is active; discussions in which nobody has said anything for hours end.

use std::sync::Arc;

use anyhow::Context;
use domain::reasons::Reason;
use domain::run::RunStatus;
use runtime::Pace;
use serde_json::Value;
use store::discussions;
use tokio_util::sync::CancellationToken;

use crate::turn::{Turn, changed};
use crate::{Deps, ending};

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = start_all(&deps, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "starting answers failed; the next turn tries again");
        }
    }
    Ok(())
}

/// Starts turns until nobody waits for one.
async fn start_all(deps: &Deps, stop: &CancellationToken) -> anyhow::Result<()> {
    discussions::end_idle(&deps.db).await.context("end discussions that fell silent")?;
    while !stop.is_cancelled() {
        let started = discussions::start_next(&deps.db, &deps.actor()).await.context("start an answer")?;
        let Some(run) = started else { return Ok(()) };
        metrics::counter!("worker_discussion_turns_total").increment(1);
        changed(deps, run).await;
    }
    Ok(())
}

/// Takes what a turn has to say; it becomes a comment on the issue.
pub(crate) async fn collect(turn: &Turn<'_>) -> anyhow::Result<()> {
    if turn.row.last_word.as_ref().and_then(answer).is_none() {
        return ending::launch_failed(turn, Reason::AgentError, "the agent gave no answer").await;
    }
    ending::finish(turn, RunStatus::Succeeded, None, "", false).await
}

/// What the agent answers; words without the shape that was asked for are an answer too.
pub(crate) fn answer(last_word: &Value) -> Option<&str> {
    let said = |field: &str| last_word.get(field).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    said("answer").or_else(|| said("summary"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_what_people_can_read() {
        assert_eq!(answer(&json!({ "answer": "Here.", "summary": "s" })), Some("Here."));
        assert_eq!(answer(&json!({ "answer": " ", "summary": "Plain words." })), Some("Plain words."));
        assert_eq!(answer(&json!({ "summary": "" })), None);
    }
}
