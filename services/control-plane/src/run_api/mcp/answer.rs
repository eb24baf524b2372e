//! What an agent is answered: structured, without a secret or anybody's address, and never too long.

use contract::gateway::FieldProblem;
use rmcp::model::{CallToolResult, ErrorData};
use serde_json::{Map, Value, json};

use crate::run_api::redact;

/// Characters of one text in an answer.
const LONGEST: usize = 16_000;
/// Characters of a call's arguments in the audit.
const AUDITED: usize = 2000;

/// Why a tool did not do what it was called for.
#[derive(Debug)]
pub(super) struct Refused {
    /// Stable code.
    pub(super) code: &'static str,
    /// In words that say what to do.
    pub(super) message: String,
    fields: Vec<FieldProblem>,
}

impl Refused {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }

    /// The arguments are not what the tool takes.
    pub(super) fn input(fields: Vec<FieldProblem>) -> Self {
        Self { fields, ..Self::new("invalid_input", "The arguments are not what this tool takes; see `fields`.") }
    }

    /// The platform's own fault: the log is told what, the agent that it may try again.
    pub(super) fn broken(error: &anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "a tool failed");
        Self::new("internal", "The platform failed; nothing was done. Try again later.")
    }
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        Self::broken(&error.into())
    }
}

impl From<serde_json::Error> for Refused {
    fn from(error: serde_json::Error) -> Self {
        Self::broken(&error.into())
    }
}

impl From<Refused> for ErrorData {
    fn from(refused: Refused) -> Self {
        Self::internal_error(refused.message, None)
    }
}

/// The answer as the protocol wants it.
pub(super) fn told(outcome: Result<Value, Refused>) -> CallToolResult {
    match outcome {
        Ok(Value::Object(mut fields)) => {
            fields.entry("status").or_insert_with(|| json!("ok"));
            CallToolResult::structured(Value::Object(fields))
        }
        Ok(value) => CallToolResult::structured(json!({ "status": "ok", "value": value })),
        Err(refused) => {
            let mut answer = json!({ "status": "error", "code": refused.code, "message": refused.message });
            if !refused.fields.is_empty() {
                answer["fields"] = json!(refused.fields);
            }
            CallToolResult::structured_error(answer)
        }
    }
}

/// The value with its texts redacted and bounded.
pub(super) fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(&redact::text(&text), LONGEST)),
        Value::Array(items) => items.into_iter().map(clean).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, clean(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// Whether a manifest holds what people would not be shown: a text, or the name of one, that reads like a secret.
pub(super) fn hides(manifest: &Value) -> bool {
    match manifest {
        Value::String(_) => clean(manifest.clone()) != *manifest,
        Value::Array(items) => items.iter().any(hides),
        Value::Object(fields) => fields.iter().any(|(name, value)| hides(&json!(name)) || hides(value)),
        _ => false,
    }
}

/// A difference as people are shown it; `None` when a line that it adds would not be shown as it is.
pub(super) fn shown_difference(diff: &str) -> Option<String> {
    let shown = clean(json!(diff)).as_str().unwrap_or_default().to_owned();
    let added = |text: &str| text.lines().filter(|line| line.starts_with('+')).map(str::to_owned).collect::<Vec<_>>();
    (added(&shown) == added(diff)).then_some(shown)
}

/// What the audit keeps of a call's arguments.
pub(super) fn short(text: &str) -> String {
    cut(text, AUDITED)
}

fn cut(text: &str, most: usize) -> String {
    let mut kept: String = text.chars().take(most).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_addresses_stay_out_wherever_they_stand() {
        let key = format!("sk-proj-{}", "a1B2".repeat(12));
        let value = json!({ "words": [format!("use {key}"), { "mail": "ann@acme.test" }], "number": 7 });
        let text = clean(value).to_string();
        assert!(!text.contains(&key) && !text.contains("ann@acme.test"), "{text}");
        assert!(text.contains("\"number\":7"), "{text}");
    }

    #[test]
    fn what_is_applied_is_shown() {
        let key = format!("sk-proj-{}", "a1B2".repeat(12));
        for hidden in [json!({ "data": { "a": key } }), json!({ "data": { key.as_str(): "a" } }), json!([[key]])] {
            assert!(hides(&hidden), "{hidden}");
        }
        assert!(!hides(&json!({ "data": { "color": "red" }, "spec": { "replicas": 2, "paused": null } })));
        let goes = format!("@@ -1,2 +1,2 @@\n color: red\n-{key}: a\n+size: 2\n");
        assert_eq!(
            shown_difference(&goes),
            Some(goes.replace(&key, vault::MARK)),
            "what goes, or stays, may be hidden"
        );
        assert_eq!(shown_difference(&goes.replace("+size", &format!("+{key}"))), None);
        let over_lines = "@@ -1 +1,3 @@\n -----BEGIN PRIVATE KEY-----\n+MIIE\n+abcd\n";
        assert_eq!(shown_difference(over_lines), None);
    }

    #[test]
    fn an_answer_says_how_it_went_and_a_text_has_an_end() {
        let ok = told(Ok(json!({ "number": 7 })));
        assert_eq!((ok.is_error, ok.structured_content.unwrap()["status"].clone()), (Some(false), json!("ok")));
        let missing = json!({ "field": "/status", "message": "is required" });
        let refused = told(Err(Refused::input(vec![serde_json::from_value(missing).unwrap()])));
        assert_eq!(refused.is_error, Some(true));
        assert_eq!(refused.structured_content.unwrap()["fields"][0]["field"], "/status");
        assert_eq!(clean(json!("x".repeat(LONGEST + 1))).as_str().unwrap().chars().count(), LONGEST + 1);
        assert_eq!(short(&"я".repeat(AUDITED)), "я".repeat(AUDITED));
    }
}
