//! GitHub's webhook payloads, read into the one event type that the platform decides on. Only what a decision needs is
//! read; unknown events and actions are [`Event::Other`], never an error.

mod read;

use chrono::{DateTime, Utc};

pub use read::{UnreadablePayload, read, review_key};

/// What happened on GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A label was put on an issue.
    Labeled {
        /// The label.
        label: String,
        /// The issue, as the event carried it.
        issue: Issue,
    },
    /// A label was taken off an issue.
    Unlabeled {
        /// The label.
        label: String,
        /// The issue.
        issue: Issue,
    },
    /// The issue was closed or deleted.
    IssueEnded {
        /// The issue.
        issue: Issue,
    },
    /// The issue's title or text changed.
    IssueEdited {
        /// The issue.
        issue: Issue,
    },
    /// Somebody wrote a comment on an issue.
    Commented {
        /// What was written.
        comment: Comment,
        /// The issue.
        issue: Issue,
    },
    /// Somebody wrote a comment on a pull request.
    PullCommented {
        /// What was written.
        comment: Comment,
        /// The pull request's number; its event tells little more of it.
        number: i64,
    },
    /// A label was put on a pull request.
    PullLabeled {
        /// The label.
        label: String,
        /// The pull request.
        pull: Pull,
    },
    /// A label was taken off a pull request.
    PullUnlabeled {
        /// The label.
        label: String,
        /// The pull request.
        pull: Pull,
    },
    /// A pull request was closed.
    PullClosed {
        /// Its commits are on the base branch now.
        merged: bool,
        /// The pull request.
        pull: Pull,
    },
    /// Somebody handed in a review of a pull request that decides something.
    Reviewed {
        /// What it decides.
        verdict: Verdict,
        /// The pull request.
        pull: Pull,
    },
    /// Anything the platform does nothing on.
    Other,
}

/// What a review decides. One that only comments decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be merged.
    Approved,
    /// It is to be changed first.
    ChangesRequested,
}

impl Verdict {
    /// Of a review's state; the API writes it in capitals, events do not.
    #[must_use]
    pub fn of_state(state: &str) -> Option<Self> {
        match state.to_ascii_lowercase().as_str() {
            "approved" => Some(Self::Approved),
            "changes_requested" => Some(Self::ChangesRequested),
            _ => None,
        }
    }
}

/// A pull request as an event carried it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number in the repository; issues count in the same row.
    pub number: i64,
    /// Title, as written.
    pub title: String,
    /// Text, as written; empty when there is none.
    pub body: String,
    /// Whether it is open.
    pub open: bool,
    /// Names of all labels it carries after the event.
    pub labels: Vec<String>,
    /// Its page.
    pub url: String,
    /// The branch that it offers.
    pub head: String,
    /// Whether that branch lies in the repository itself.
    pub head_is_here: bool,
    /// The branch that it goes to.
    pub base: String,
}

/// An issue as an event carried it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number in the repository.
    pub number: i64,
    /// Title, as written.
    pub title: String,
    /// Text, as written; empty when there is none.
    pub body: String,
    /// Whether it is open.
    pub open: bool,
    /// Names of all labels it carries after the event.
    pub labels: Vec<String>,
    /// Its page.
    pub url: String,
}

/// A comment on an issue or pull request as its event carried it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// GitHub's numeric id; they grow.
    pub id: i64,
    /// Text, as written.
    pub body: String,
    /// Its place on the page of that.
    pub url: String,
}

/// What kind of account did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person, or a machine account that looks like one.
    User,
    /// A GitHub App, an organisation or anything else.
    Other,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// GitHub's numeric id: the only thing people are matched by.
    pub github_id: i64,
    /// For people to read; accounts can be renamed.
    pub login: String,
    /// Person or not.
    pub kind: AccountKind,
}

/// The repository that sent a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRepository {
    /// GitHub's numeric id.
    pub github_id: i64,
    /// owner/name.
    pub full_name: String,
}

/// One delivery, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// What happened.
    pub event: Event,
    /// The payload's `action`.
    pub action: Option<String>,
    /// Where; absent on events of an organisation.
    pub repository: Option<EventRepository>,
    /// Who; absent on some events of GitHub itself.
    pub sender: Option<Sender>,
    /// The object's own time, by which an old body is recognised.
    pub object_time: Option<DateTime<Utc>>,
    /// The same for every delivery of the same event, whatever its delivery id; `None` where events have no such key.
    pub key: Option<EventKey>,
}

impl Delivered {
    /// The issue that the event is about.
    #[must_use]
    pub const fn issue(&self) -> Option<&Issue> {
        match &self.event {
            Event::Labeled { issue, .. }
            | Event::Unlabeled { issue, .. }
            | Event::IssueEnded { issue }
            | Event::IssueEdited { issue }
            | Event::Commented { issue, .. } => Some(issue),
            Event::PullCommented { .. }
            | Event::PullLabeled { .. }
            | Event::PullUnlabeled { .. }
            | Event::PullClosed { .. }
            | Event::Reviewed { .. }
            | Event::Other => None,
        }
    }

    /// The pull request that the event is about.
    #[must_use]
    pub const fn pull(&self) -> Option<&Pull> {
        match &self.event {
            Event::PullLabeled { pull, .. }
            | Event::PullUnlabeled { pull, .. }
            | Event::PullClosed { pull, .. }
            | Event::Reviewed { pull, .. } => Some(pull),
            Event::Labeled { .. }
            | Event::Unlabeled { .. }
            | Event::IssueEnded { .. }
            | Event::IssueEdited { .. }
            | Event::Commented { .. }
            | Event::PullCommented { .. }
            | Event::Other => None,
        }
    }

    /// Number of the issue or pull request.
    #[must_use]
    pub fn subject(&self) -> Option<i64> {
        match &self.event {
            Event::PullCommented { number, .. } => Some(*number),
            _ => self.issue().map(|issue| issue.number).or_else(|| self.pull().map(|pull| pull.number)),
        }
    }

    /// What somebody wrote, and the number of the issue or pull request where it stands.
    #[must_use]
    pub const fn comment(&self) -> Option<(&Comment, i64)> {
        match &self.event {
            Event::Commented { comment, issue } => Some((comment, issue.number)),
            Event::PullCommented { comment, number } => Some((comment, *number)),
            _ => None,
        }
    }

    /// All labels that the issue or pull request carries after the event.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        let of_issue = self.issue().map(|issue| issue.labels.as_slice());
        of_issue.or_else(|| self.pull().map(|pull| pull.labels.as_slice())).unwrap_or_default()
    }

    /// The label that the event is about.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match &self.event {
            Event::Labeled { label, .. }
            | Event::Unlabeled { label, .. }
            | Event::PullLabeled { label, .. }
            | Event::PullUnlabeled { label, .. } => Some(label),
            _ => None,
        }
    }
}

/// What a repeat of an event is recognised by. GitHub's times have whole seconds, so a label that is put on, taken off
/// and put on again within one second gives two real events with the same key: each one's key is numbered by how many
/// events of the opposite kind came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKey {
    own: String,
    /// The key that the opposite event of the same second would have.
    pub opposite: Option<String>,
}

impl EventKey {
    /// The key, given how many opposite events of the same second the ledger has.
    #[must_use]
    pub fn after(&self, opposites: i64) -> String {
        if opposites == 0 { self.own.clone() } else { format!("{}#{opposites}", self.own) }
    }
}
