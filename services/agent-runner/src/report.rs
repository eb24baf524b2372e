//! The run's last word: what codex said at the end, made to fit the contract, and what came of it.

use std::path::Path;

use contract::agent::{Finding, LastWord, RunResult, RunResultOutcome, RunResultReason};

use crate::{publish::PublishError, redact::Redact};

const DETAIL_LIMIT: usize = 4000;
const SUMMARY_LIMIT: usize = 8000;
const NAME_LIMIT: usize = 300;
const BODY_LIMIT: usize = 40_000;
const ANSWER_LIMIT: usize = 60_000;
const LIST_LIMIT: usize = 20;
const LABEL_LIMIT: usize = 100;
const ITEM_LIMIT: usize = 1000;
const FINDINGS_LIMIT: usize = 100;
const FINDING_LIMIT: usize = 4000;

/// What a turn of the agent came to, when it went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The work is at this commit: pushed, or looked at.
    At(String),
    /// People are asked; the work goes on when they have answered.
    Waits,
}

/// Why the run failed, in the words that the platform stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The word from the fixed list.
    pub reason: RunResultReason,
    /// For a person.
    pub detail: String,
}

impl Failure {
    /// A failure of the platform, git or the pod.
    #[must_use]
    pub fn infra(error: &anyhow::Error) -> Self {
        Self { reason: RunResultReason::InfraError, detail: format!("{error:#}") }
    }

    /// Whose fault it is that codex ended badly: a model that could not be reached is not the agent's, and another
    /// launch may go better.
    #[must_use]
    pub fn of_codex(message: String) -> Self {
        let transient =
            ["unexpected status 5", "unexpected status 429", "error sending request", "stream disconnected"];
        let infra = transient.iter().any(|sign| message.contains(sign));
        let reason = if infra { RunResultReason::InfraError } else { RunResultReason::AgentError };
        Self { reason, detail: message }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Refused(said) => Self { reason: RunResultReason::WriteScope, detail: said },
            PublishError::NothingChanged | PublishError::Broken(_) => {
                Self { reason: RunResultReason::AgentError, detail: format!("{:#}", anyhow::Error::new(error)) }
            }
            PublishError::Push(_) => Self::infra(&anyhow::Error::new(error)),
        }
    }
}

/// Reads codex's last message. What is no JSON of the asked shape becomes the summary as it is; no message, no last
/// word.
#[must_use]
pub fn read_last_word(file: &Path) -> Option<LastWord> {
    let bytes = std::fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    if text.is_empty() {
        return None;
    }
    Some(serde_json::from_str(&text).unwrap_or_else(|_| LastWord {
        summary: text,
        branch: None,
        pr_title: None,
        pr_body: None,
        labels_suggested: Vec::new(),
        follow_ups: Vec::new(),
        tool_gaps: Vec::new(),
        answer: None,
        verdict: None,
        findings: Vec::new(),
    }))
}

/// The result to report. Every text is redacted, then cut to what the contract allows.
#[must_use]
pub fn result(outcome: &Result<Done, Failure>, last_word: Option<LastWord>, redact: &Redact) -> RunResult {
    let last_word = last_word.map(|word| fit(word, redact));
    match outcome {
        // What the agent says on the way is no last word.
        Ok(Done::Waits) => RunResult {
            outcome: RunResultOutcome::Waiting,
            reason: None,
            detail: None,
            head_sha: None,
            last_word: None,
        },
        Ok(Done::At(head)) => RunResult {
            outcome: RunResultOutcome::Succeeded,
            reason: None,
            detail: None,
            head_sha: Some(head.clone()),
            last_word,
        },
        Err(Failure { reason, detail }) => RunResult {
            outcome: RunResultOutcome::Failed,
            reason: Some(*reason),
            detail: Some(cut(detail, DETAIL_LIMIT, redact)),
            head_sha: None,
            last_word,
        },
    }
}

fn fit(word: LastWord, redact: &Redact) -> LastWord {
    let text = |text: Option<String>, limit| text.map(|text| cut(&text, limit, redact));
    let list = |items: Vec<String>, limit| items.iter().take(LIST_LIMIT).map(|item| cut(item, limit, redact)).collect();
    let finding = |finding: Finding| Finding {
        path: cut(&finding.path, ITEM_LIMIT, redact),
        text: cut(&finding.text, FINDING_LIMIT, redact),
        ..finding
    };
    LastWord {
        summary: cut(&word.summary, SUMMARY_LIMIT, redact),
        branch: text(word.branch, NAME_LIMIT),
        pr_title: text(word.pr_title, NAME_LIMIT),
        pr_body: text(word.pr_body, BODY_LIMIT),
        labels_suggested: list(word.labels_suggested, LABEL_LIMIT),
        follow_ups: list(word.follow_ups, ITEM_LIMIT),
        tool_gaps: list(word.tool_gaps, ITEM_LIMIT),
        answer: text(word.answer, ANSWER_LIMIT),
        verdict: word.verdict,
        findings: word.findings.into_iter().take(FINDINGS_LIMIT).map(finding).collect(),
    }
}

fn cut(text: &str, limit: usize, redact: &Redact) -> String {
    redact.text(text).chars().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "cxr_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    fn redact() -> Redact {
        Redact::new(uuid::Uuid::nil(), &TOKEN.into())
    }

    fn read(text: &str) -> Option<LastWord> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read_last_word(file.path())
    }

    #[test]
    fn a_last_word_that_is_no_json_is_still_reported() {
        assert_eq!(read("I am done.\n").unwrap().summary, "I am done.");
        assert_eq!(read(r#"{"summary":"s","pr_title":"t"}"#).unwrap().pr_title.as_deref(), Some("t"));
        assert_eq!(read(r#"{"title":"no summary"}"#).unwrap().summary, r#"{"title":"no summary"}"#);
        assert!(read("").is_none());
        assert!(read_last_word(Path::new("/nowhere")).is_none());
    }

    #[test]
    fn everything_fits_the_contract_and_holds_no_token() {
        let mut word = read(&format!(r#"{{"summary":"{TOKEN}","branch":"x"}}"#)).unwrap();
        word.pr_body = Some("ж".repeat(50_000));
        word.follow_ups = vec![format!("use {TOKEN}"); 30];
        let finding = r#"{"path":"src/main.rs","line":null,"severity":"major","text":"t"}"#;
        let finding = Finding { text: "x".repeat(9000) + TOKEN, ..serde_json::from_str(finding).unwrap() };
        word.findings = vec![finding; 200];
        let seen = result(&Ok(Done::At("a".repeat(40))), Some(word), &redact());
        let text = serde_json::to_string(&seen).unwrap();
        assert!(!text.contains(TOKEN));
        let word = seen.last_word.unwrap();
        assert_eq!(word.pr_body.unwrap().chars().count(), 40_000);
        assert_eq!(word.follow_ups.len(), 20);
        assert_eq!((word.findings.len(), word.findings[0].text.chars().count()), (100, 4000));

        let failure = Failure { reason: RunResultReason::InfraError, detail: format!("{}{TOKEN}", "x".repeat(3990)) };
        let seen = result(&Err(failure), None, &redact()).detail.unwrap();
        assert!(seen.chars().count() <= 4000 && !seen.contains("cxr_01"), "{seen}");
    }

    #[test]
    fn a_model_that_cannot_be_reached_is_not_the_agents_fault() {
        use RunResultReason::{AgentError, InfraError};
        let cases = [
            ("unexpected status 402 Payment Required: no money", AgentError),
            ("unexpected status 503 Service Unavailable", InfraError),
            ("unexpected status 429 Too Many Requests", InfraError),
            ("stream disconnected before completion", InfraError),
            ("codex ended without completing its turn (exit status: 1)", AgentError),
        ];
        for (message, reason) in cases {
            assert_eq!(Failure::of_codex(message.into()).reason, reason, "{message}");
        }
    }
}
