//! Asking people. An answer that comes at once is given at once; otherwise the agent ends its turn, the run waits without
//! a pod, and the answer comes back into the same session.

use std::time::Duration;

use domain::approvals::policy::{Leave, Ruling, Said};
use domain::approvals::{Action, ApprovalKind, ApprovalMode, ApprovalState, Effect, MOST_OPEN, PATIENCE_HOURS};
use domain::flow::FlowKind;
use prompts::untrusted;
use serde_json::{Value, json};
use store::approvals::{self, Outcome, Request};
use store::flow::Entry;
use tokio::time::Instant;
use uuid::Uuid;

use super::answer::{Refused, clean};
use super::{AGENT, Call, Done, forge_tools};

/// A wake-up may be lost.
const POLL: Duration = Duration::from_secs(2);

/// What people are asked for.
pub(super) struct Wanted<'a> {
    pub(super) kind: ApprovalKind,
    /// Of an action: who has to approve it, and its digest.
    pub(super) leave: Option<(&'a Ruling, &'a str)>,
    /// What makes it the same request when it comes again in this launch.
    pub(super) named: String,
    /// What people are shown.
    pub(super) asked: &'a Value,
    /// For the audit, beside the request's id and the tool.
    pub(super) told: Value,
}

/// Asks leave for exactly this effect, which needs at least this; policies say whose. What needs nobody's is done like what
/// somebody approved.
pub(super) async fn leave(
    call: &Call<'_>,
    effect: Effect,
    why: Option<String>,
    least: ApprovalMode,
) -> Result<Done, Refused> {
    let ruling = ruling(call, least).await?;
    let why = clean(json!(why)).as_str().map(str::to_owned);
    let action = Action { effect, why };
    let (digest, asked) = (action.effect.digest(), json!(action));
    let wanted = Wanted {
        kind: ApprovalKind::Action,
        leave: Some((&ruling, &digest)),
        named: format!("{digest}:{}", times(call, &action.effect, &digest).await?),
        asked: &asked,
        told: json!({ "digest": digest, "mode": ruling.mode, "because": ruling.because }),
    };
    ask(call, wanted).await
}

/// How often exactly this was done before, or could not be: things go back to what they were, and then it is another
/// request. A secret is the same one for as long as its key is, and whoever said no is not asked again.
async fn times(call: &Call<'_>, effect: &Effect, digest: &str) -> Result<i64, Refused> {
    match effect {
        Effect::Secret { .. } => Ok(0),
        Effect::Labels { .. } | Effect::Object(_) | Effect::Database { .. } => {
            let of = (call.of.run, call.of.launch);
            Ok(approvals::repeated(&call.app.pool, of, call.tool.as_str(), digest).await?)
        }
    }
}

/// Who has to approve a call that needs at least this. Labels are what GitHub says in this very call, so that none is missed;
/// while it does not answer, nothing is done that might need an owner.
pub(super) async fn ruling(call: &Call<'_>, least: ApprovalMode) -> Result<Ruling, Refused> {
    let row = call.row;
    let asked = async || forge_tools::ask(call).issue(row.subject_number).await.map(|issue| issue.labels);
    let labels = call.labels.get_or_try_init(asked).await.map_err(forge_tools::unsaid)?;
    let said = Said::about(call.tool, &row.tool_modes, labels, &row.project_tool_modes);
    Ok(said.ruling(call.tool.leave().unwrap_or(Leave::STRICTEST), least))
}

pub(super) async fn ask(call: &Call<'_>, wanted: Wanted<'_>) -> Result<Done, Refused> {
    let Wanted { kind, leave, named, asked, told: mut what } = wanted;
    let named = format!("{}:{}:{named}", call.of.launch, call.tool);
    let id = Uuid::new_v5(&call.of.run.0, named.as_bytes());
    what["request"] = json!(id);
    what["tool"] = json!(call.tool.as_str());
    let request = Request {
        id,
        run: call.of.run,
        launch: call.of.launch,
        kind,
        leave,
        tool: call.tool.as_str(),
        asked,
        patience: Duration::from_secs(PATIENCE_HOURS * 3600),
        most: MOST_OPEN,
        flow: Entry::new(FlowKind::RequestMade, AGENT, what),
    };
    let is_new = approvals::ask(&call.app.pool, &request).await?;
    call.app.waker.run(call.of.run.into());
    if leave.is_some_and(|(ruling, _)| ruling.mode == ApprovalMode::None) {
        call.app.waker.work();
    }
    let outcome = live(call, id).await?.ok_or_else(|| {
        let most = format!("At most {MOST_OPEN} requests may be open at once, and only while your run is running.");
        Refused::new("not_asked", most)
    })?;
    if outcome.state.0.is_over() {
        approvals::tell(&call.app.pool, call.of.run, call.of.launch, &[id]).await?;
    }
    let mut told = told(id, &outcome);
    if is_new {
        return Ok(Done::Made(told));
    }
    if outcome.state.0.may_be_asked_anew() {
        told["note"] =
            json!("This came of your earlier request. If things are another way by now, call again to ask anew.");
    }
    Ok(Done::Read(told))
}

/// What has become of the request by the time that a live answer is waited for; `None`: it was not asked.
async fn live(call: &Call<'_>, id: Uuid) -> Result<Option<Outcome>, Refused> {
    let until = Instant::now() + call.app.live_answer;
    let mut changes = call.app.hub.watch();
    loop {
        let outcome = approvals::outcome(&call.app.pool, id).await?;
        let is_open = outcome.as_ref().is_some_and(|outcome| !outcome.state.0.is_over());
        let left = until.saturating_duration_since(Instant::now());
        if !is_open || left.is_zero() {
            return Ok(outcome);
        }
        changes.next(Some(call.of.run.into()), POLL.min(left)).await;
    }
}

fn told(id: Uuid, outcome: &Outcome) -> Value {
    let words = outcome
        .answer
        .as_ref()
        .map(|answer| json!({ "option": answer.option, "text": untrusted::shown(&answer.text) }));
    let trouble = |code: &str, next: &str| json!({ "status": "error", "code": code, "message": next, "trouble": outcome.outcome });
    let mut told = match outcome.state.0 {
        ApprovalState::Requested => json!({
            "status": "approval_required",
            "expires_at": outcome.expires_at,
            "next": "People are asked. End your turn now and do nothing else: you are woken with their answer.",
        }),
        // The agent does the same as with a question: what comes of it is told when it is there.
        ApprovalState::Approved | ApprovalState::Applying => json!({
            "status": "approval_required",
            "next": "It may be done, and is not done yet. End your turn now: you are woken with what came of it.",
        }),
        ApprovalState::Answered => json!({ "answer": words, "answered_by": outcome.decided_by }),
        ApprovalState::Applied => json!({ "approved_by": outcome.decided_by, "result": outcome.result }),
        ApprovalState::Denied => json!({ "status": "denied", "denied_by": outcome.decided_by, "words": words }),
        ApprovalState::Stale => json!({
            "status": "stale",
            "next": "What it is about has changed since you asked. Look at it again, and ask anew if it is still right.",
        }),
        ApprovalState::Failed => trouble("failed", "It was approved, and could not be done."),
        ApprovalState::Unknown => trouble("unknown", "It was approved, and whether it is done is not known. Look."),
        ApprovalState::Expired | ApprovalState::Withdrawn => json!({ "status": "expired" }),
    };
    told["request_id"] = json!(id);
    told
}
