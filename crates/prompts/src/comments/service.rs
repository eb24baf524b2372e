//! The comment by which an issue shows how its run stands.

use std::borrow::Cow;

use domain::locale::Locale;
use domain::run::RunStatus;
use serde::Serialize;

use super::words;
use crate::engine::{self, TemplateError};
use crate::outward::quiet;

/// A run as its service comment tells it.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceComment<'a> {
    /// From [`marker`].
    pub marker: String,
    /// Where it stands.
    #[serde(serialize_with = "as_code")]
    pub status: RunStatus,
    /// Why it ended.
    pub reason: Option<&'a str>,
    /// What was seen.
    pub reason_detail: Option<&'a str>,
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
    /// Its branch.
    pub branch: &'a str,
    /// The pull request.
    pub pr_number: Option<i64>,
    /// What came out, in the agent's words.
    pub summary: Option<&'a str>,
    /// Tokens used, formatted; `None` before the first call.
    pub tokens: Option<String>,
    /// Model calls.
    pub calls: i64,
    /// The namespace while it exists.
    pub namespace: Option<&'a str>,
    /// When it ends, formatted.
    pub namespace_expires: Option<String>,
    /// Launches that failed.
    pub attempts: i32,
    /// What the agent last said it was doing.
    pub last_words: Option<&'a str>,
    /// Labels of the stages that can follow.
    pub next: Vec<String>,
    /// What it waits to be told.
    pub questions: Vec<OpenQuestion<'a>>,
    /// How many actions it asks leave for.
    pub actions: usize,
}

/// A question that waits for an answer, in the agent's words.
#[derive(Debug, Clone, Serialize)]
pub struct OpenQuestion<'a> {
    /// Its number among what the run has asked.
    pub number: i32,
    /// What is asked.
    pub question: Cow<'a, str>,
    /// What people need to know.
    pub context: Option<Cow<'a, str>>,
    /// The answers to choose from.
    pub options: Vec<Cow<'a, str>>,
    /// People may answer in their own words.
    pub allow_custom: bool,
}

impl OpenQuestion<'_> {
    /// The same with words that mention nobody, hide nothing and stay in their line.
    fn safe(&self) -> OpenQuestion<'static> {
        OpenQuestion {
            number: self.number,
            question: quiet(&self.question, 2000).into(),
            context: self.context.as_ref().map(|context| quiet(context, 4000).into()),
            options: self.options.iter().map(|option| quiet(option, 500).into()).collect(),
            allow_custom: self.allow_custom,
        }
    }
}

fn as_code<S: serde::Serializer>(status: &RunStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

/// Renders a run's service comment. The agent's own words cannot mention people or hide anything.
///
/// # Errors
/// When a template lacks a variable.
pub fn service(locale: Locale, comment: &ServiceComment<'_>) -> Result<String, TemplateError> {
    let quoted = |text: Option<&str>| text.map(|text| quiet(text, 2000));
    let (summary, last_words, detail) =
        (quoted(comment.summary), quoted(comment.last_words), quoted(comment.reason_detail));
    let safe = ServiceComment {
        summary: summary.as_deref(),
        last_words: last_words.as_deref(),
        reason_detail: detail.as_deref(),
        questions: comment.questions.iter().map(OpenQuestion::safe).collect(),
        ..comment.clone()
    };
    let reason_words = comment.reason.and_then(|code| code.parse().ok()).map(|reason| words(locale, reason));
    #[derive(Serialize)]
    struct Facts<'a> {
        #[serde(flatten)]
        comment: ServiceComment<'a>,
        reason_words: Option<&'static str>,
    }
    let text = engine::render("service-comment", locale, &Facts { comment: safe, reason_words })?;
    Ok(text.trim_end().to_owned() + "\n")
}
