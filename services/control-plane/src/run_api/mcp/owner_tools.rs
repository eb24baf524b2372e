//! Tools that reach the people who answer for the run.

use contract::agent::{ToolNotice, ToolNoticeKind, ToolQuestion};
use domain::approvals::{ApprovalKind, Question};
use domain::notices::{MOST_AN_HOUR, NoticeKind};
use serde_json::json;
use store::notices::{self, Said};
use uuid::Uuid;

use super::answer::{Refused, clean};
use super::people::{self, Wanted};
use super::{Call, Done};

pub(super) async fn ask(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolQuestion { question, context, options, allow_custom } = call.input()?;
    let asked = clean(json!(Question { question, context, options, allow_custom }));
    let told = json!({ "question": asked["question"] });
    let wanted = Wanted { kind: ApprovalKind::Question, leave: None, named: asked.to_string(), asked: &asked, told };
    people::ask(call, wanted).await
}

pub(super) async fn notify(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolNotice { kind, summary, details } = call.input()?;
    let kind = match kind {
        ToolNoticeKind::Completion => NoticeKind::Completion,
        ToolNoticeKind::NextStep => NoticeKind::NextStep,
        ToolNoticeKind::StatusUpdate => NoticeKind::StatusUpdate,
        ToolNoticeKind::Warning => NoticeKind::Warning,
    };
    let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = clean(json!({ "summary": summary, "details": details }));
    let said = Said {
        id: Uuid::new_v5(&call.of.run.0, format!("{}:{kind}:{words}", call.tool).as_bytes()),
        run: call.of.run,
        launch: call.of.launch,
        kind,
        summary: words["summary"].as_str().unwrap_or_default(),
        details: words["details"].as_str(),
        most: MOST_AN_HOUR,
        flow: call.entry("ok"),
    };
    if notices::notify(&call.app.pool, &said).await? {
        let note = "Those who answer for this run and want to hear of it are told. Nobody was asked anything; go on.";
        return call.made(true, json!({ "note": note }));
    }
    let most =
        format!("At most {MOST_AN_HOUR} notifications an hour, and only while your run is running. Go on without.");
    Err(Refused::new("not_told", most))
}
