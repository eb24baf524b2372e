//! What a channel is sent: its format exactly, with texts from `prompts`. Arguments are left out, because nobody sees them
//! there; what matters is in the texts.

use domain::approvals::{ApprovalMode, Asked};
use domain::channels::ChannelKind;
use domain::locale::Locale;
use prompts::channels::{self, Approval, Asking, trial};
use serde_json::{Value, json};
use store::channel_requests::ToAsk;
use store::channel_requests::trial::ToTry;
use url::Url;
use uuid::Uuid;

/// The tool that an executor knows for questions to people.
const FEEDBACK: &str = "telegram_request_feedback";

/// The body; `None` when the channel is not for what is asked.
pub(super) fn body(ask: &ToAsk, console: &Url, correlation: Uuid, callback: &Url) -> Option<Value> {
    let page = page(console, &format!("inbox/{}", ask.request_id));
    let special = match ask.kind.0 {
        ChannelKind::Approver => approval(ask, console, &page)?,
        ChannelKind::Executor => question(ask, &page)?,
    };
    Some(framed(ask.locale.0, ask.timeout_seconds, (correlation, callback), special))
}

/// The body of a test.
pub(super) fn test(ask: &ToTry, console: &Url, correlation: Uuid, callback: &Url) -> Value {
    let (locale, project, by) = (ask.locale.0, ask.project.as_str(), ask.by.as_str());
    let special = match ask.kind.0 {
        ChannelKind::Approver => {
            let page = page(console, &format!("projects/{}/channels", ask.project_id));
            let links = vec![link("codex-k8s".to_owned(), &page)];
            to_approve(trial::TOOL, trial::approval(locale, project, by), links)
        }
        ChannelKind::Executor => to_answer(trial::asked(locale, project, by), trial::question(locale).allow_custom),
    };
    framed(locale, ask.timeout_seconds, (correlation, callback), special)
}

/// What every body has, with what only this one has.
fn framed(locale: Locale, timeout: i32, (correlation, callback): (Uuid, &Url), special: Value) -> Value {
    let mut body = json!({
        "correlation_id": correlation,
        "lang": locale.as_str(),
        "markup": "markdown",
        "timeout_sec": timeout,
        "callback": { "url": callback.as_str() },
    });
    if let (Some(body), Value::Object(special)) = (body.as_object_mut(), special) {
        body.extend(special);
    }
    body
}

fn approval(ask: &ToAsk, console: &Url, page: &str) -> Option<Value> {
    let Asked::Action(action) = &ask.asked.0 else { return None };
    let mode = ask.mode.map_or(ApprovalMode::Owner, |mode| mode.0);
    let (digest, why) = (ask.digest.as_deref()?, action.why.as_deref());
    let told = channels::approval(ask.locale.0, &asking(ask), &action.effect, digest, (mode, why));
    Some(to_approve(&ask.tool, told, links(ask, console, page)))
}

fn to_approve(tool: &str, told: Approval, links: Vec<Value>) -> Value {
    json!({
        "tool": tool,
        "arguments": {},
        "approval_request": told.request,
        "justification": told.justification,
        "risk_assessment": told.risk,
        "links_to_code": links,
    })
}

fn question(ask: &ToAsk, page: &str) -> Option<Value> {
    let Asked::Question(asked) = &ask.asked.0 else { return None };
    Some(to_answer(channels::question(ask.locale.0, &asking(ask), asked, page), asked.allow_custom))
}

fn to_answer(told: channels::Asked, allow_custom: bool) -> Value {
    json!({
        "tool": {
            "name": FEEDBACK, "title": "", "description": "", "input_schema": {}, "output_schema": {}, "metadata": {}, "tags": [],
        },
        "arguments": {
            "question": told.question, "context": told.context, "options": told.options, "allow_custom": allow_custom,
        },
        "spec": { "options_min": 2, "options_max": 5, "allow_custom_option": allow_custom },
    })
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

fn link(text: String, url: &str) -> Value {
    json!({ "text": text, "url": url })
}

fn page(console: &Url, path: &str) -> String {
    format!("{}/{path}", console.as_str().trim_end_matches('/'))
}
