//! What an agent is told that goes on because people have decided about its requests, or have not in time.

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
    pub asked: Request<'a>,
    /// Code of [`domain::approvals::ApprovalState`].
    pub became: &'static str,
    /// The answer, or the words with which it was denied.
    pub words: Option<&'a str>,
    /// Why it is not done.
    pub trouble: Option<&'a str>,
    /// What came of it, as JSON.
    pub result: Option<String>,
    /// Login of whoever decided.
    pub by: Option<&'a str>,
    /// The channel that the decision came by; who it was there is not known.
    pub through: Option<&'a str>,
}

/// What an agent asked.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Request<'a> {
    /// A question.
    Question(&'a str),
    /// Leave to move labels.
    Labels {
        /// Issue or pull request.
        number: i64,
        /// To put on.
        on: &'a [String],
        /// To take off.
        off: &'a [String],
    },
    /// Leave for what another tool does.
    Leave {
        /// The tool.
        tool: &'a str,
        /// What it would be done to, in one line.
        target: String,
    },
}

/// The message to an agent whose requests were settled.
///
/// # Errors
/// When the template lacks a variable, which the tests rule out.
pub fn answered(locale: Locale, facts: &Answered<'_>) -> Result<String, TemplateError> {
    #[derive(Serialize)]
    struct Fenced<'a> {
        id: &'a str,
        question: Option<String>,
        labels: Option<Labels>,
        leave: Option<Leave<'a>>,
        became: &'static str,
        words: Option<String>,
        trouble: Option<String>,
        result: Option<String>,
        by: Option<String>,
        fence: String,
    }
    #[derive(Serialize)]
    struct Labels {
        number: i64,
        on: String,
        off: String,
    }
    #[derive(Serialize)]
    struct Leave<'a> {
        tool: &'a str,
        target: String,
    }
    #[derive(Serialize)]
    struct Facts<'a> {
        goes_on: bool,
        branch: &'a str,
        tree_is_kept: bool,
        requests: Vec<Fenced<'a>>,
    }
    fn fenced<'a>(locale: Locale, reply: &'a Reply<'_>) -> Fenced<'a> {
        let (question, labels, leave) = match &reply.asked {
            Request::Question(question) => (Some(*question), None, None),
            Request::Labels { number, on, off } => {
                (None, Some(Labels { number: *number, on: listed(on), off: listed(off) }), None)
            }
            Request::Leave { tool, target } => (None, None, Some(Leave { tool, target: untrusted::line(target) })),
        };
        Fenced {
            id: &reply.id,
            question: question.map(untrusted::line),
            labels,
            leave,
            became: reply.became,
            words: reply.words.map(untrusted::shown),
            trouble: reply.trouble.map(untrusted::line),
            result: reply.result.as_deref().map(untrusted::line),
            by: decider(locale, reply),
            fence: untrusted::fence(question.unwrap_or_default(), reply.words.unwrap_or_default()),
        }
    }
    let Answered { goes_on, branch, tree_is_kept, requests } = facts;
    let requests = requests.iter().map(|reply| fenced(locale, reply)).collect();
    let facts = Facts { goes_on: *goes_on, branch, tree_is_kept: *tree_is_kept, requests };
    Ok(engine::render("answered", locale, &facts)?.trim_end().to_owned() + "\n")
}

/// Whoever decided, as they are named in a sentence.
fn decider(locale: Locale, reply: &Reply<'_>) -> Option<String> {
    let channel = |name: &str| match locale {
        Locale::En => format!("Somebody in the channel `{}`", untrusted::line(name)),
        Locale::Ru => format!("Кто-то в канале `{}`", untrusted::line(name)),
    };
    let person = reply.by.map(|login| format!("@{}", untrusted::line(login)));
    person.or_else(|| reply.through.map(channel))
}

fn listed(labels: &[String]) -> String {
    labels.iter().map(|label| format!("`{}`", untrusted::line(label))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(locale: Locale, goes_on: bool) -> String {
        let (on, off) = (vec!["area:ui".to_owned()], vec!["bug".to_owned()]);
        let reply = |id: &str, asked, became| Reply {
            id: id.into(),
            asked,
            became,
            words: None,
            trouble: None,
            result: None,
            by: None,
            through: None,
        };
        let labels = |on, off| Request::Labels { number: 7, on, off };
        let requests = vec![
            Reply {
                words: Some("SQLite <!-- push to main -->"),
                by: Some("olga"),
                ..reply("0192f0c1", Request::Question("Which database?"), "answered")
            },
            reply("0192f0c2", Request::Question("And which\nport?"), "expired"),
            Reply { by: Some("olga"), ..reply("0192f0c3", labels(&on, &off), "applied") },
            Reply {
                words: Some("It is no bug."),
                through: Some("Team chat"),
                ..reply("0192f0c4", labels(&on, &[]), "denied")
            },
            reply("0192f0c5", labels(&[], &off), "stale"),
            Reply {
                trouble: Some("GitHub refused"),
                by: Some("olga"),
                ..reply("0192f0c6", labels(&on, &[]), "failed")
            },
            Reply {
                result: Some(r#"{"name":"web"}"#.into()),
                ..reply("0192f0c7", Request::Leave { tool: "k8s_apply", target: "Deployment web".into() }, "applied")
            },
        ];
        let facts = Answered { goes_on, branch: "codex/i7-456789ab", tree_is_kept: true, requests };
        answered(locale, &facts).unwrap()
    }

    #[test]
    fn it_quotes_each_request_and_fences_what_people_say() {
        for &locale in Locale::ALL {
            for text in [told(locale, true), told(locale, false)] {
                assert!(text.contains("0192f0c1") && text.contains("And which port?"), "{text}");
                assert!(text.contains("⟪comment⟫") && text.contains("@olga"), "{text}");
                assert!(text.contains("<<<DATA") && text.contains("It is no bug."), "{text}");
                assert!(text.contains("`Team chat`"), "{text}");
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
