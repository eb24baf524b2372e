//! Labels on the run's own issue and pull request: what the agent may move by itself is moved, for the rest people are
//! asked.

use contract::agent::{ToolLabels, ToolLabelsTransition};
use domain::approvals::labels::{Facts, Labelled, Seen};
use domain::approvals::{ApprovalMode, Effect};
use domain::tools::Tool;
use serde_json::json;
use store::outbound::{self, LabelChange, Moved};

use super::answer::{Refused, clean};
use super::forge_tools::{ask, not_own, unsaid};
use super::{Call, Done, people};

/// What the call wants, and why.
struct Wish {
    number: Option<i64>,
    on: Vec<String>,
    off: Vec<String>,
    why: Option<String>,
}

fn wish(call: &Call<'_>) -> Result<Wish, Refused> {
    if call.tool == Tool::GithubLabelsTransition {
        let ToolLabelsTransition { number, add, remove, why } = call.input()?;
        return Ok(Wish { number, on: add, off: remove, why });
    }
    let ToolLabels { number, labels, why } = call.input()?;
    let (on, off) = if call.tool == Tool::GithubLabelsAdd { (labels, Vec::new()) } else { (Vec::new(), labels) };
    Ok(Wish { number, on, off, why })
}

pub(super) async fn change(call: &Call<'_>) -> Result<Done, Refused> {
    let Wish { number, mut on, mut off, why } = wish(call)?;
    // The order in which labels are named means nothing.
    on.sort_unstable();
    off.sort_unstable();
    let number = call.own().meant(number).ok_or_else(not_own)?;
    let subject = ask(call).issue(number).await.map_err(unsaid)?;
    let change = Labelled { number, on, off };
    if clean(json!(change)) != json!(change) {
        return Err(Refused::new("labels_not_movable", "One of these looks like a credential or somebody's address."));
    }
    let facts = Facts { present: &subject.labels, set_by_run: &call.row.labels_set, allowed: &call.row.agent_labels };
    let least = change.approval(facts).map_err(|why| Refused::new("labels_not_movable", why.to_string()))?;
    let left = change.clone().left(facts);
    if left.on.is_empty() && left.off.is_empty() {
        return Ok(Done::Read(json!({ "number": number, "note": "It is so already." })));
    }
    if number == call.row.subject_number {
        call.labels.set(subject.labels.clone()).ok();
    }
    if people::ruling(call, least).await?.mode == ApprovalMode::None {
        return moved(call, left).await;
    }
    let seen = Seen::of(&subject.title, &subject.body, &subject.labels, &change);
    people::leave(call, Effect::Labels { change, seen }, why, least).await
}

async fn moved(call: &Call<'_>, Labelled { number, on, off }: Labelled) -> Result<Done, Refused> {
    let change = LabelChange { off, on };
    let wish =
        Moved { run: call.of.run, launch: call.of.launch, subject: number, change: &change, flow: call.entry("ok") };
    let noted = outbound::move_labels(&call.app.pool, &wish).await?;
    call.app.waker.work();
    call.made(noted, json!({ "number": number, "note": "The labels change within a minute." }))
}
