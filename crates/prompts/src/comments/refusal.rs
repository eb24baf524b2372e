//! Why nothing came of what somebody did.

use domain::locale::Locale;
use serde::Serialize;

use crate::engine::{self, TemplateError};

/// Why nothing was started.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal<'a> {
    /// From [`marker`].
    pub marker: String,
    /// Code of the reason.
    pub reason: &'a str,
    /// Labels of stages of which one must be accepted first, where the project wants stages in their order.
    pub first: Vec<String>,
    /// Whom to tell.
    pub login: &'a str,
    /// The delivery in the console.
    pub delivery_url: String,
}

/// Renders the comment that tells a person why nothing was started.
///
/// # Errors
/// When a template lacks a variable.
pub fn refusal(locale: Locale, refusal: &Refusal<'_>) -> Result<String, TemplateError> {
    Ok(engine::render("refusal", locale, refusal)?.trim_end().to_owned() + "\n")
}
