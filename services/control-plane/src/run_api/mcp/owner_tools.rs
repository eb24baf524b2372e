//! Tools that ask the people who answer for the run. An answer that comes at once is given at once; otherwise the agent
//! ends its turn, the run waits without a pod, and the answer comes back into the same session.

use std::time::Duration;

use contract::agent::ToolQuestion;
use domain::approvals::{ApprovalState, MOST_OPEN, PATIENCE_HOURS, Question};
use domain::flow::FlowKind;
use prompts::untrusted;
use serde_json::{Value, json};
use store::approvals::{self, Outcome, Request};
use store::flow::Entry;
use tokio::time::Instant;
use uuid::Uuid;

use super::answer::{Refused, clean};
use super::{AGENT, Call, Done};

/// A wake-up may be lost.
const POLL: Duration = Duration::from_secs(2);

pub(super) async fn ask(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolQuestion { question, context, options, allow_custom } = call.input()?;
    let asked = clean(json!(Question { question, context, options, allow_custom }));
    let named = format!("{}:{}:{asked}", call.of.launch, call.tool);
    let id = Uuid::new_v5(&call.of.run.0, named.as_bytes());
    let what = json!({ "request": id, "tool": call.tool.as_str(), "question": asked["question"] });
    let request = Request {
        id,
        run: call.of.run,
        launch: call.of.launch,
        kind: "question",
        tool: call.tool.as_str(),
        asked: &asked,
        patience: Duration::from_secs(PATIENCE_HOURS * 3600),
        most: MOST_OPEN,
        flow: Entry::new(FlowKind::RequestMade, AGENT, what),
    };
    approvals::ask(&call.app.pool, &request).await?;
    call.app.waker.run(call.of.run.into());
    let outcome = live(call, id).await?.ok_or_else(|| {
        let most = format!("At most {MOST_OPEN} questions may be open at once, and only while your run is running.");
        Refused::new("not_asked", most)
    })?;
    if outcome.state.0 != ApprovalState::Requested {
        approvals::tell(&call.app.pool, call.of.run, call.of.launch, &[id]).await?;
    }
    Ok(Done::Made(told(id, &outcome)))
}

/// What has become of the request by the time that a live answer is waited for; `None`: it was not asked.
async fn live(call: &Call<'_>, id: Uuid) -> Result<Option<Outcome>, Refused> {
    let until = Instant::now() + call.app.live_answer;
    let mut changes = call.app.hub.watch();
    loop {
        let outcome = approvals::outcome(&call.app.pool, id).await?;
        let is_open = outcome.as_ref().is_some_and(|outcome| outcome.state.0 == ApprovalState::Requested);
        let left = until.saturating_duration_since(Instant::now());
        if !is_open || left.is_zero() {
            return Ok(outcome);
        }
        changes.next(Some(call.of.run.into()), POLL.min(left)).await;
    }
}

fn told(id: Uuid, outcome: &Outcome) -> Value {
    let mut told = match outcome.state.0 {
        ApprovalState::Requested => json!({
            "status": "approval_required",
            "expires_at": outcome.expires_at,
            "next": "People are asked. End your turn now and do nothing else: you are woken with their answer.",
        }),
        ApprovalState::Answered => {
            let answer = outcome.answer.as_ref();
            let words = answer.map(|answer| json!({ "option": answer.option, "text": untrusted::shown(&answer.text) }));
            json!({ "answer": words, "answered_by": outcome.decided_by })
        }
        ApprovalState::Expired | ApprovalState::Withdrawn => json!({ "status": "expired" }),
    };
    told["request_id"] = json!(id);
    told
}
