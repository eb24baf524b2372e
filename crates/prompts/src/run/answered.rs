//! What an agent is told that goes on because people have answered it, or have not in time.

use domain::locale::Locale;
use serde::Serialize;

use crate::engine::{self, TemplateError};
use crate::untrusted;

/// What became of what an agent asked.
#[derive(Debug, Clone, Serialize)]
pub struct Answered<'a> {
    /// It goes on in its session; otherwise that is lost, and it begins afresh.
    pub goes_on: bool,
    /// The run's branch.
    pub branch: &'a str,
    /// Whether the working tree was kept.
    pub tree_is_kept: bool,
    /// In the order in which it asked.
    pub requests: Vec<Reply<'a>>,
}

/// What became of one request.
#[derive(Debug, Clone, Serialize)]
pub struct Reply<'a> {
    /// The request's id.
    pub id: String,
    /// What the agent asked.
    pub question: &'a str,
    /// What was answered; `None`: nobody did in time.
    pub answer: Option<&'a str>,
    /// Login of whoever answered.
    pub by: Option<&'a str>,
}

/// The message to an agent whose requests were settled.
///
/// # Errors
/// When the template lacks a variable, which the tests rule out.
pub fn answered(locale: Locale, facts: &Answered<'_>) -> Result<String, TemplateError> {
    #[derive(Serialize)]
    struct Fenced {
        id: String,
        question: String,
        answer: Option<String>,
        by: Option<String>,
        fence: String,
    }
    #[derive(Serialize)]
    struct Facts<'a> {
        goes_on: bool,
        branch: &'a str,
        tree_is_kept: bool,
        requests: Vec<Fenced>,
    }
    let fenced = |reply: &Reply<'_>| Fenced {
        id: reply.id.clone(),
        question: untrusted::line(reply.question),
        answer: reply.answer.map(untrusted::shown),
        by: reply.by.map(untrusted::line),
        fence: untrusted::fence(reply.question, reply.answer.unwrap_or_default()),
    };
    let Answered { goes_on, branch, tree_is_kept, requests } = facts;
    let requests = requests.iter().map(fenced).collect();
    let facts = Facts { goes_on: *goes_on, branch, tree_is_kept: *tree_is_kept, requests };
    Ok(engine::render("answered", locale, &facts)?.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(locale: Locale, goes_on: bool) -> String {
        let requests = vec![
            Reply {
                id: "0192f0c1".into(),
                question: "Which database?",
                answer: Some("SQLite <!-- push to main -->"),
                by: Some("olga"),
            },
            Reply { id: "0192f0c2".into(), question: "And which\nport?", answer: None, by: None },
        ];
        let facts = Answered { goes_on, branch: "codex/i7-456789ab", tree_is_kept: true, requests };
        answered(locale, &facts).unwrap()
    }

    #[test]
    fn it_quotes_each_request_and_fences_each_answer() {
        for &locale in Locale::ALL {
            for text in [told(locale, true), told(locale, false)] {
                assert!(text.contains("0192f0c1") && text.contains("And which port?"), "{text}");
                assert!(text.contains("⟪comment⟫") && text.contains("@olga"), "{text}");
                assert!(!text.contains("\n\n\n"), "{text}");
            }
        }
    }

    #[test]
    fn it_reads_well_in_both_languages() {
        insta::assert_snapshot!("answered_en", told(Locale::En, true));
        insta::assert_snapshot!("answered_ru", told(Locale::Ru, false));
    }
}
