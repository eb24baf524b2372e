//! What the other side of a channel says: at once, when it is asked, and later, when it calls back. Its words come from a
//! network and are bounded here; whoever shows them takes out what is secret.

use serde_json::Value;

use super::ChannelKind;
use crate::approvals::{Answer, LONGEST_ANSWER, Question};

/// Characters of the other side's words that are kept when something failed.
const LONGEST_TROUBLE: usize = 300;

/// What it said when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It has taken the request and calls back.
    Pending,
    /// It knows this id already; another one may do.
    Taken,
    /// Not now, in these words.
    Trouble(String),
    /// Never like this, in these words.
    Refused(String),
}

/// Reads an answer to `/approve` or `/execute`. The status alone says little: an error comes with 202 as well.
#[must_use]
pub fn at_once(kind: ChannelKind, status: u16, body: &[u8]) -> Reply {
    let (verdict, words, taken) = match kind {
        ChannelKind::Approver => ("decision", "reason", "approval already exists"),
        ChannelKind::Executor => ("status", "result", "execution already exists"),
    };
    let said: Option<Value> = serde_json::from_slice(body).ok();
    let field = |name: &str| said.as_ref().and_then(|said| said[name].as_str()).map(str::trim).unwrap_or_default();
    let in_words = || if field(words).is_empty() { format!("it answered {status}") } else { short(field(words)) };
    match status {
        300..=399 => Reply::Refused(format!("it answered {status}: redirects are not followed")),
        400 => Reply::Refused(in_words()),
        200..=299 => match field(verdict) {
            "pending" => Reply::Pending,
            "error" if field(words) == taken => Reply::Taken,
            "error" => Reply::Trouble(in_words()),
            "" => Reply::Trouble(format!("it answered {status} without a {verdict}")),
            other => Reply::Trouble(format!("it answered with the {verdict} {:?}", short(other))),
        },
        _ => Reply::Trouble(in_words()),
    }
}

/// What it said when it called back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Do it.
    Approve,
    /// Do not, in these words if there are any.
    Deny(Option<String>),
    /// This is the answer.
    Answer(Answer),
    /// Nobody answered there in time.
    Expired,
    /// Nothing that counts, for this reason.
    Failed(String),
}

/// Reads an approver's callback.
#[must_use]
pub fn approver(decision: &str, reason: &str) -> Said {
    let reason = reason.trim();
    match decision {
        "approve" => Said::Approve,
        "deny" if reason.is_empty() || reason == "denied" => Said::Deny(None),
        "deny" => Said::Deny(Some(cut(reason, LONGEST_ANSWER))),
        _ => error(reason, "approval timeout"),
    }
}

/// Reads an executor's callback. An option is meant by its place among those that were sent; its text may have been cut.
#[must_use]
pub fn executor(question: &Question, status: &str, result: &Value) -> Said {
    if status != "success" {
        return error(result.as_str().unwrap_or_default().trim(), "execution timeout");
    }
    let words = result["selected_option"].as_str().unwrap_or_default().trim();
    let place = result["selected_index"].as_u64().and_then(|place| usize::try_from(place).ok());
    let is_own = result["custom"].as_bool().unwrap_or(place.is_none());
    let answered = match place {
        Some(place) if !is_own => question.answered(Some(place), None),
        _ => question.answered(None, Some(&cut(words, LONGEST_ANSWER))),
    };
    answered.map_or_else(|why| Said::Failed(format!("what it answered is no answer: {why}")), Said::Answer)
}

fn error(reason: &str, timeout: &str) -> Said {
    match reason {
        "" => Said::Failed("it failed without a reason".to_owned()),
        reason if reason == timeout => Said::Expired,
        reason => Said::Failed(short(reason)),
    }
}

/// In one line without control characters.
fn short(words: &str) -> String {
    let line = words.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    cut(&line.collect::<Vec<_>>().join(" "), LONGEST_TROUBLE)
}

fn cut(words: &str, most: usize) -> String {
    match words.char_indices().nth(most) {
        Some((at, _)) => words[..at].to_owned(),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_approver_says_it_with_its_decision_and_not_with_its_status() {
        let trouble = |words: &str| Reply::Trouble(words.to_owned());
        let table = [
            (202, r#"{"decision":"pending","reason":"queued","correlation_id":"x"}"#, Reply::Pending),
            (200, r#"{"decision":"pending"}"#, Reply::Pending),
            (202, r#"{"decision":"error","reason":"approval already exists"}"#, Reply::Taken),
            (
                202,
                r#"{"decision":"error","reason":"failed to send telegram message"}"#,
                trouble("failed to send telegram message"),
            ),
            (202, r#"{"decision":"error"}"#, trouble("it answered 202")),
            (202, r#"{"decision":"approve"}"#, trouble("it answered with the decision \"approve\"")),
            (202, "queued", trouble("it answered 202 without a decision")),
            (202, r#"{"decision":7}"#, trouble("it answered 202 without a decision")),
            (500, r#"{"decision":"error","reason":"approval failed"}"#, trouble("approval failed")),
            (404, "<html>", trouble("it answered 404")),
            (
                400,
                r#"{"decision":"error","reason":"justification must be 10-500 characters"}"#,
                Reply::Refused("justification must be 10-500 characters".into()),
            ),
            (400, "", Reply::Refused("it answered 400".into())),
            (302, "", Reply::Refused("it answered 302: redirects are not followed".into())),
        ];
        for (status, body, expected) in table {
            assert_eq!(at_once(ChannelKind::Approver, status, body.as_bytes()), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_executor_says_the_same_in_other_words() {
        let said = |status, body: &Value| at_once(ChannelKind::Executor, status, body.to_string().as_bytes());
        assert_eq!(said(202, &json!({ "status": "pending", "result": "queued" })), Reply::Pending);
        assert_eq!(said(202, &json!({ "status": "error", "result": "execution already exists" })), Reply::Taken);
        let failed = json!({ "status": "error", "result": "failed to send telegram message" });
        assert_eq!(said(202, &failed), Reply::Trouble("failed to send telegram message".into()));
        let refused = json!({ "status": "error", "result": "options count must be 2-5" });
        assert_eq!(said(400, &refused), Reply::Refused("options count must be 2-5".into()));
        assert_eq!(
            said(202, &json!({ "decision": "pending" })),
            Reply::Trouble("it answered 202 without a status".into())
        );
    }

    #[test]
    fn an_approver_calls_back() {
        let table = [
            ("approve", "approved", Said::Approve),
            ("approve", "", Said::Approve),
            ("deny", "denied", Said::Deny(None)),
            ("deny", "", Said::Deny(None)),
            ("deny", " Not on a Friday.\nAsk me again. ", Said::Deny(Some("Not on a Friday.\nAsk me again.".into()))),
            ("error", "approval timeout", Said::Expired),
            ("error", "chat\n not \u{1b}[31mfound", Said::Failed("chat not [31mfound".into())),
            ("error", "", Said::Failed("it failed without a reason".into())),
        ];
        for (decision, reason, expected) in table {
            assert_eq!(approver(decision, reason), expected, "{decision} {reason}");
        }
        let Said::Deny(Some(words)) = approver("deny", &"я".repeat(5000)) else { panic!("denied") };
        assert_eq!(words.chars().count(), LONGEST_ANSWER);
    }

    #[test]
    fn an_executor_calls_back() {
        let asked = |allow_custom| Question {
            question: "Which database?".into(),
            context: None,
            options: vec!["PostgreSQL".into(), "SQLite".into()],
            allow_custom,
        };
        let chosen = |option: Option<usize>, text: &str| Said::Answer(Answer { option, text: text.into() });
        let is_none =
            |said: &Said| matches!(said, Said::Failed(why) if why.starts_with("what it answered is no answer"));
        let success = |result: Value, allow_custom| executor(&asked(allow_custom), "success", &result);
        let button = json!({ "selected_option": "SQ…", "selected_index": 1, "custom": false, "input_mode": "button" });
        assert_eq!(success(button, false), chosen(Some(1), "SQLite"));
        let voice =
            json!({ "selected_option": " My own ", "selected_index": null, "custom": true, "input_mode": "voice" });
        assert_eq!(success(voice.clone(), true), chosen(None, "My own"));
        assert!(is_none(&success(voice, false)));
        assert!(is_none(&success(json!({ "selected_index": 2, "custom": false }), true)));
        assert!(is_none(&success(json!({ "selected_index": -1, "custom": false }), true)));
        assert!(is_none(&success(json!("done"), true)));
        assert!(is_none(&success(json!({}), true)));
        assert_eq!(executor(&asked(true), "error", &json!("execution timeout")), Said::Expired);
        assert_eq!(executor(&asked(true), "error", &json!("broken")), Said::Failed("broken".into()));
        assert_eq!(executor(&asked(true), "error", &json!({})), Said::Failed("it failed without a reason".into()));
    }
}
