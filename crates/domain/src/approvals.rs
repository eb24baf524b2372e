//! What agents ask of people: answers to questions, and leave to act. Who may decide, and what counts as an answer.

mod action;
pub mod databases;
pub mod labels;
pub mod policy;
pub mod replies;
pub mod secrets;

pub use action::{Action, ApprovalMode, Effect, Risk};
use serde::{Deserialize, Serialize};

use crate::coded_enum;
use crate::rights::{self, Permission, ProjectRole};

/// How long people have to answer before the agent goes on without them.
pub const PATIENCE_HOURS: u64 = 72;
/// How many requests of one run may be open at once.
pub const MOST_OPEN: i32 = 5;
/// How many characters an answer may have.
pub const LONGEST_ANSWER: usize = 4000;

coded_enum! {
    /// What became of a request.
    ApprovalState {
        /// Nobody has decided yet.
        Requested = "requested",
        /// Somebody answered a question.
        Answered = "answered",
        /// Somebody approved an action; it is about to be done.
        Approved = "approved",
        /// It is being done.
        Applying = "applying",
        /// It is done.
        Applied = "applied",
        /// It was approved and could not be done.
        Failed = "failed",
        /// It was approved, and whether it is done is not known.
        Unknown = "unknown",
        /// Somebody denied it.
        Denied = "denied",
        /// What it was about changed first.
        Stale = "stale",
        /// Nobody decided in time.
        Expired = "expired",
        /// The run ended first.
        Withdrawn = "withdrawn",
    }
}

impl ApprovalState {
    /// Whether the agent can be told: nothing more becomes of the request.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Requested | Self::Approved | Self::Applying)
    }

    /// Whether the same may be asked once more by whoever knows this end. What a person said stands.
    #[must_use]
    pub const fn may_be_asked_anew(self) -> bool {
        self.is_over() && !matches!(self, Self::Answered | Self::Denied)
    }
}

coded_enum! {
    /// What kind of thing is asked.
    ApprovalKind {
        /// What people say.
        Question = "question",
        /// Whether people let the agent act.
        Action = "action",
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Asked {
    /// Leave to act.
    Action(Action),
    /// An answer.
    Question(Question),
}

impl Asked {
    /// Which kind it is.
    #[must_use]
    pub const fn kind(&self) -> ApprovalKind {
        match self {
            Self::Action(_) => ApprovalKind::Action,
            Self::Question(_) => ApprovalKind::Question,
        }
    }
}

/// A question as the agent asked it. Its words are the agent's claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// One question.
    pub question: String,
    /// What people need to know to answer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Two to five answers to choose from.
    pub options: Vec<String>,
    /// Whether people may answer in words of their own.
    pub allow_custom: bool,
}

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Which option, from 0; `None` for words of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<usize>,
    /// The option's words, or one's own.
    pub text: String,
}

/// Why something is no answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Neither an option nor words, or both.
    #[error("choose an option or write an answer, one of both")]
    NotOne,
    /// There is no such option.
    #[error("the question has no such option")]
    NoSuchOption,
    /// The question wants one of its options.
    #[error("this question takes one of its options only")]
    OptionsOnly,
    /// Nothing but spaces.
    #[error("write an answer")]
    Empty,
    /// It would flood the agent.
    #[error("write at most {LONGEST_ANSWER} characters")]
    TooLong,
}

impl Question {
    /// Reads what somebody answers.
    ///
    /// # Errors
    /// When it is no answer to this question.
    pub fn answered(&self, option: Option<usize>, text: Option<&str>) -> Result<Answer, NoAnswer> {
        match (option, text) {
            (Some(option), None) => {
                let text = self.options.get(option).ok_or(NoAnswer::NoSuchOption)?;
                Ok(Answer { option: Some(option), text: text.clone() })
            }
            (None, Some(_)) if !self.allow_custom => Err(NoAnswer::OptionsOnly),
            (None, Some(text)) if text.trim().is_empty() => Err(NoAnswer::Empty),
            (None, Some(text)) if text.chars().count() > LONGEST_ANSWER => Err(NoAnswer::TooLong),
            (None, Some(text)) => Ok(Answer { option: None, text: text.trim().to_owned() }),
            (None, None) | (Some(_), Some(_)) => Err(NoAnswer::NotOne),
        }
    }
}

/// Whether a person may answer an agent's question: who manages its project, and who started the run and still may start
/// runs there. An agent never may: it is no person.
#[must_use]
pub const fn may_decide(role: ProjectRole, started_it: bool) -> bool {
    rights::allows(role, Permission::Manage) || (started_it && rights::allows(role, Permission::Run))
}

/// Whether a person may let an agent act. Having started the run neither gives this right nor takes it.
#[must_use]
pub const fn may_approve(mode: ApprovalMode, role: ProjectRole) -> bool {
    match mode {
        ApprovalMode::None => false,
        ApprovalMode::Delegated => rights::allows(role, Permission::Run),
        ApprovalMode::Owner => rights::allows(role, Permission::Manage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(allow_custom: bool) -> Question {
        Question {
            question: "Which database?".into(),
            context: None,
            options: vec!["PostgreSQL".into(), "SQLite".into()],
            allow_custom,
        }
    }

    #[test]
    fn an_answer_is_an_option_or_ones_own_words_where_they_are_taken() {
        let chosen = |option| Ok(Answer { option: Some(option), text: question(true).options[option].clone() });
        let own = |text: &str| Ok(Answer { option: None, text: text.into() });
        let table = [
            (false, Some(1), None, chosen(1)),
            (true, Some(0), None, chosen(0)),
            (true, Some(2), None, Err(NoAnswer::NoSuchOption)),
            (true, None, Some(" MySQL "), own("MySQL")),
            (false, None, Some("MySQL"), Err(NoAnswer::OptionsOnly)),
            (true, None, Some(" \n"), Err(NoAnswer::Empty)),
            (true, None, None, Err(NoAnswer::NotOne)),
            (true, Some(0), Some("MySQL"), Err(NoAnswer::NotOne)),
        ];
        for (allow_custom, option, text, expected) in table {
            assert_eq!(question(allow_custom).answered(option, text), expected, "{option:?} {text:?}");
        }
    }

    #[test]
    fn who_answers_for_a_run() {
        use ProjectRole::{Admin, Read, ReadWrite};
        let table = [
            (Admin, false, true),
            (Admin, true, true),
            (ReadWrite, true, true),
            (ReadWrite, false, false),
            (Read, true, false),
            (Read, false, false),
        ];
        for (role, started_it, expected) in table {
            assert_eq!(may_decide(role, started_it), expected, "{role} {started_it}");
        }
    }

    #[test]
    fn who_lets_an_agent_act() {
        use ApprovalMode::{Delegated, None, Owner};
        use ProjectRole::{Admin, Read, ReadWrite};
        let may = |mode| [Admin, ReadWrite, Read].map(|role| may_approve(mode, role));
        assert_eq!(may(Owner), [true, false, false]);
        assert_eq!(may(Delegated), [true, true, false]);
        assert_eq!(may(None), [false; 3], "there is nothing to decide");
    }

    #[test]
    fn what_is_asked_is_read_as_it_was_written() {
        let change = labels::Labelled { number: 7, on: vec!["area:ui".into()], off: Vec::new() };
        let seen = labels::Seen::of("Dark mode", "", &[], &change);
        let action = Action { effect: Effect::Labels { change, seen }, why: None };
        for asked in [Asked::Question(question(true)), Asked::Action(action)] {
            let read: Asked = serde_json::from_value(serde_json::json!(asked)).unwrap();
            assert_eq!((&read, read.kind()), (&asked, asked.kind()));
        }
    }
}
