//! What a channel is sent: its format exactly, with texts from `prompts`. Arguments are left out, because nobody sees them
//! there; what matters is in the texts.

use domain::approvals::{ApprovalMode, Asked};
use domain::channels::ChannelKind;
use prompts::channels::{self, Asking};
use serde_json::{Value, json};
use store::channel_requests::ToAsk;
use url::Url;
use uuid::Uuid;

/// The tool that an executor knows for questions to people.
const FEEDBACK: &str = "telegram_request_feedback";

/// The body; `None` when the channel is not for what is asked.
pub(super) fn body(ask: &ToAsk, console: &Url, correlation: Uuid, callback: &Url) -> Option<Value> {
    let common = json!({
        "correlation_id": correlation,
        "lang": ask.locale.0.as_str(),
        "markup": "markdown",
        "timeout_sec": ask.timeout_seconds,
        "callback": { "url": callback.as_str() },
    });
    let page = page(console, &format!("inbox/{}", ask.request_id));
    let special = match ask.kind.0 {
        ChannelKind::Approver => approval(ask, console, &page)?,
        ChannelKind::Executor => question(ask, &page)?,
    };
    let fields = [common, special].into_iter().filter_map(|part| part.as_object().cloned()).flatten();
    Some(Value::Object(fields.collect()))
}

fn approval(ask: &ToAsk, console: &Url, page: &str) -> Option<Value> {
    let Asked::Action(action) = &ask.asked.0 else { return None };
    let mode = ask.mode.map_or(ApprovalMode::Owner, |mode| mode.0);
    let (digest, why) = (ask.digest.as_deref()?, action.why.as_deref());
    let told = channels::approval(ask.locale.0, &asking(ask), &action.effect, digest, (mode, why));
    Some(json!({
        "tool": ask.tool,
        "arguments": {},
        "approval_request": told.request,
        "justification": told.justification,
        "risk_assessment": told.risk,
        "links_to_code": links(ask, console, page),
    }))
}

fn question(ask: &ToAsk, page: &str) -> Option<Value> {
    let Asked::Question(asked) = &ask.asked.0 else { return None };
    let told = channels::question(ask.locale.0, &asking(ask), asked, page);
    Some(json!({
        "tool": {
            "name": FEEDBACK, "title": "", "description": "", "input_schema": {}, "output_schema": {}, "metadata": {}, "tags": [],
        },
        "arguments": {
            "question": told.question, "context": told.context, "options": told.options, "allow_custom": asked.allow_custom,
        },
        "spec": { "options_min": 2, "options_max": 5, "allow_custom_option": asked.allow_custom },
    }))
}

fn asking(ask: &ToAsk) -> Asking<'_> {
    Asking {
        role: &ask.role,
        stage: ask.stage.0.as_str(),
        started_by: &ask.started_by,
        project: &ask.project,
        repository: &ask.repository,
        number: ask.subject_number,
        title: &ask.subject_title,
    }
}

/// Four at most; an approver takes five.
fn links(ask: &ToAsk, console: &Url, inbox: &str) -> Vec<Value> {
    let link = |text: String, url: &str| json!({ "text": text, "url": url });
    let mut links = vec![
        link("codex-k8s".to_owned(), inbox),
        link(format!("{}#{}", ask.repository, ask.subject_number), &ask.subject_url),
        link(format!("run {}", ask.run_id.short()), &page(console, &format!("runs/{}", ask.run_id))),
    ];
    if let (Some(number), Some(url)) = (ask.pr_number, &ask.pr_url) {
        links.push(link(format!("PR {number}"), url));
    }
    links
}

fn page(console: &Url, path: &str) -> String {
    format!("{}/{path}", console.as_str().trim_end_matches('/'))
}
