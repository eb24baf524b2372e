//! What agents say on issues: answers of a discussion, and comments of their own.

use domain::locale::Locale;
use serde::Serialize;

use super::words;
use crate::engine::{self, TemplateError};
use crate::outward::{quiet, quiet_lines};

/// What marks the answers of a discussion.
pub const ANSWER: &str = "answer";
/// GitHub takes 65,536 characters.
const ANSWER_LIMIT: usize = 60_000;

/// What a turn of a discussion answers, as its comment on the issue tells it.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerComment<'a> {
    /// From [`marker`].
    pub marker: String,
    /// In the agent's words; `None` when none came.
    pub answer: Option<&'a str>,
    /// Why none came.
    pub reason: Option<&'a str>,
    /// What was seen.
    pub reason_detail: Option<&'a str>,
    /// Role.
    pub role: &'a str,
    /// Model.
    pub model: &'a str,
    /// Eight digits of the run's id.
    pub run_short: String,
    /// The run in the console.
    pub run_url: String,
}

/// Renders an answer. The agent's own words cannot mention people or hide anything; they may have several lines.
///
/// # Errors
/// When a template lacks a variable.
pub fn answer(locale: Locale, comment: &AnswerComment<'_>) -> Result<String, TemplateError> {
    let said = comment.answer.map(|text| quiet_lines(text.trim(), ANSWER_LIMIT));
    let detail = comment.reason_detail.map(|text| quiet(text, 500));
    let reason_words = comment.reason.and_then(|code| code.parse().ok()).map(|reason| words(locale, reason));
    #[derive(Serialize)]
    struct Facts<'a> {
        #[serde(flatten)]
        comment: AnswerComment<'a>,
        reason_words: Option<&'static str>,
    }
    let comment = AnswerComment { answer: said.as_deref(), reason_detail: detail.as_deref(), ..comment.clone() };
    Ok(engine::render("answer-comment", locale, &Facts { comment, reason_words })?.trim_end().to_owned() + "\n")
}

/// What an answer said, without what the platform put around it; `None` when the comment is none.
#[must_use]
pub fn answered(comment: &str) -> Option<&str> {
    let body = comment.strip_prefix("<!-- codex-k8s:answer:")?.split_once("-->")?.1;
    Some(body.rsplit_once("\n---\n").map_or(body, |(said, _)| said).trim())
}

/// A comment that an agent makes by itself.
#[derive(Debug, Clone, Serialize)]
pub struct AgentComment<'a> {
    /// From [`marker`].
    pub marker: String,
    /// Markdown, in the agent's words.
    pub body: &'a str,
    /// Stage.
    pub stage: &'a str,
    /// Role.
    pub role: &'a str,
    /// Model.
    pub model: &'a str,
    /// Eight digits of the run's id.
    pub run_short: String,
    /// The run in the console.
    pub run_url: String,
}

/// Renders an agent's own comment: its words can mention nobody, hide nothing and close nothing, and the platform says
/// whose they are.
///
/// # Errors
/// When a template lacks a variable.
pub fn agent(locale: Locale, comment: &AgentComment<'_>) -> Result<String, TemplateError> {
    let safe = AgentComment { body: &quiet_lines(comment.body, ANSWER_LIMIT), ..comment.clone() };
    Ok(engine::render("agent-comment", locale, &safe)?.trim_end().to_owned() + "\n")
}
