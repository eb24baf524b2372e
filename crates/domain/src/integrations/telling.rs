//! What a system of others is called back with, in its own format, and what its answer means.

use serde_json::{Value, json};

use super::OutsideState;
use super::asking::Asked;
use crate::approvals::Answer;

/// The body of the callback; `None` when nothing was decided that could be said about what was asked.
#[must_use]
pub fn body(correlation_id: &str, asked: &Asked, state: OutsideState, answer: Option<&Answer>) -> Option<Value> {
    let decided = |decision: &str, reason: &str| json!({ "correlation_id": correlation_id, "decision": decision, "reason": reason, "tool": asked.tool() });
    let executed = |status: &str, result: Value| json!({ "correlation_id": correlation_id, "status": status, "tool": asked.tool(), "result": result });
    match (asked, state) {
        (Asked::Approval(_), OutsideState::Approved) => Some(decided("approve", "approved")),
        (Asked::Approval(_), OutsideState::Denied) => {
            Some(decided("deny", answer.map_or("denied", |words| words.text.as_str())))
        }
        (Asked::Approval(_), OutsideState::Expired) => Some(decided("error", "approval timeout")),
        (Asked::Execution(execution), OutsideState::Answered) => {
            let answer = answer?;
            let mode = if answer.option.is_some() { "button" } else { "text" };
            let result = json!({
                "question": execution.question.question,
                "selected_option": answer.text,
                "selected_index": answer.option,
                "custom": answer.option.is_none(),
                "input_mode": mode,
            });
            Some(executed("success", result))
        }
        (Asked::Execution(_), OutsideState::Expired) => Some(executed("error", json!("execution timeout"))),
        (Asked::Approval(_) | Asked::Execution(_), _) => None,
    }
}

/// What its answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It knows now.
    Told,
    /// Never like this, in these words.
    Refused(String),
    /// It may know, in these words.
    Unclear(String),
    /// Not now, in these words.
    Trouble(String),
    /// No answer came, in these words, and the call may have arrived.
    Lost(String),
}

/// Reads the status of its answer to what became of a request (`state`). Who has heard forgets what it asked: so a repetition
/// after an answer that was lost (`answer_lost`) finds nobody who waits, and nobody can say why. Who asks has a clock of its
/// own, which began before ours: it does not wait for what expired, and knows that.
#[must_use]
pub fn heard(status: u16, state: OutsideState, answer_lost: bool) -> Heard {
    match status {
        200..=299 => Heard::Told,
        300..=399 => Heard::Refused(format!("it answered {status}: redirects are not followed")),
        400 => Heard::Refused("it answered 400: it does not understand what it was told".to_owned()),
        404 if state == OutsideState::Expired => Heard::Told,
        404 => {
            let words = "it answered 404: it does not wait for this any more".to_owned();
            if answer_lost { Heard::Unclear(words) } else { Heard::Refused(words) }
        }
        _ => Heard::Trouble(format!("it answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::approvals::Question;
    use crate::integrations::asking::{Approval, Execution};

    fn approval() -> Asked {
        let (tool, arguments) = ("k8s_delete".to_owned(), Map::new());
        Asked::Approval(Approval { tool, arguments, request: None, justification: None, risk: None, links: Vec::new() })
    }

    fn execution() -> Asked {
        let question = Question {
            question: "Which one?".into(),
            context: None,
            options: vec!["One".into(), "Two".into()],
            allow_custom: true,
        };
        let (tool, arguments) = ("ask".to_owned(), Map::new());
        Asked::Execution(Execution { tool, title: None, description: None, arguments, question })
    }

    #[test]
    fn an_approval_is_told_with_its_words() {
        let words = Answer { option: None, text: "Not on a Friday.".into() };
        let table = [
            (OutsideState::Approved, None, Some(("approve", "approved"))),
            (OutsideState::Denied, None, Some(("deny", "denied"))),
            (OutsideState::Denied, Some(&words), Some(("deny", "Not on a Friday."))),
            (OutsideState::Expired, None, Some(("error", "approval timeout"))),
            (OutsideState::Requested, None, None),
            (OutsideState::Answered, Some(&words), None),
        ];
        for (state, answer, expected) in table {
            let told = expected.map(|(decision, reason)| {
                json!({ "correlation_id": "c-1", "decision": decision, "reason": reason, "tool": "k8s_delete" })
            });
            assert_eq!(body("c-1", &approval(), state, answer), told, "{state}");
        }
    }

    #[test]
    fn an_answer_is_told_as_it_was_given() {
        let told = |state, answer: Option<Answer>| body("e-1", &execution(), state, answer.as_ref());
        let success = |text: &str, option: Option<usize>, mode: &str| {
            json!({
                "correlation_id": "e-1", "status": "success", "tool": "ask",
                "result": { "question": "Which one?", "selected_option": text, "selected_index": option, "custom": option.is_none(), "input_mode": mode },
            })
        };
        let chosen = Answer { option: Some(1), text: "Two".into() };
        assert_eq!(told(OutsideState::Answered, Some(chosen)), Some(success("Two", Some(1), "button")));
        let own = Answer { option: None, text: "Both".into() };
        assert_eq!(told(OutsideState::Answered, Some(own)), Some(success("Both", None, "text")));
        let late = json!({ "correlation_id": "e-1", "status": "error", "tool": "ask", "result": "execution timeout" });
        assert_eq!(told(OutsideState::Expired, None), Some(late));
        assert_eq!(told(OutsideState::Answered, None), None);
        assert_eq!(told(OutsideState::Approved, None), None);
    }

    #[test]
    fn its_status_says_whether_it_knows() {
        for lost in [false, true] {
            for status in [200, 202, 204] {
                assert_eq!(heard(status, OutsideState::Approved, lost), Heard::Told);
            }
            for status in [302, 400] {
                assert!(
                    matches!(heard(status, OutsideState::Approved, lost), Heard::Refused(words) if words.contains(&status.to_string()))
                );
            }
            for status in [401, 429, 500, 503] {
                assert_eq!(
                    heard(status, OutsideState::Approved, lost),
                    Heard::Trouble(format!("it answered {status}"))
                );
            }
        }
        assert!(matches!(heard(404, OutsideState::Answered, false), Heard::Refused(_)));
        assert!(matches!(heard(404, OutsideState::Denied, true), Heard::Unclear(_)));
        assert_eq!(heard(404, OutsideState::Expired, false), Heard::Told);
    }
}
