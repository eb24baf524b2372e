//! What a review found, on the pull request.

use domain::locale::Locale;
use serde::Serialize;

use crate::engine::{self, TemplateError};
use crate::outward::quiet;

/// What a review found, as its comment on the pull request tells it.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewComment<'a> {
    /// From [`marker`].
    pub marker: String,
    /// `approve` or `request_changes`.
    pub verdict: &'a str,
    /// In the agent's words.
    pub summary: &'a str,
    /// The gravest first.
    pub findings: Vec<Finding<'a>>,
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

/// One fault that a review found, in the agent's words.
#[derive(Debug, Clone, Serialize)]
pub struct Finding<'a> {
    /// File, with the line where there is one.
    pub place: String,
    /// `blocker`, `major` or `minor`.
    pub severity: &'a str,
    /// What is wrong.
    pub text: String,
}

/// Renders what a review found. The agent's own words cannot mention people, hide anything or leave their cell.
///
/// # Errors
/// When a template lacks a variable.
pub fn review(locale: Locale, comment: &ReviewComment<'_>) -> Result<String, TemplateError> {
    let cell = |text: &str| quiet(text, 1500).replace('|', "\\|").replace('`', "'");
    let findings = comment.findings.iter();
    let findings = findings.map(|one| Finding { place: cell(&one.place), text: cell(&one.text), ..one.clone() });
    let safe =
        ReviewComment { summary: &quiet(comment.summary, 4000), findings: findings.collect(), ..comment.clone() };
    Ok(engine::render("review-comment", locale, &safe)?.trim_end().to_owned() + "\n")
}
