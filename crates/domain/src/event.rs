//! GitHub's webhook payloads, read into the one event type that the platform decides on. Only what a decision needs is
//! read; unknown events and actions are [`Event::Other`], never an error.

use chrono::{DateTime, Utc};
use serde::Deserialize;

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
    /// Anything the platform does nothing on.
    Other,
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
            | Event::IssueEdited { issue } => Some(issue),
            Event::Other => None,
        }
    }

    /// The label that the event is about.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match &self.event {
            Event::Labeled { label, .. } | Event::Unlabeled { label, .. } => Some(label),
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

/// The body is not a payload of the event that its header names.
#[derive(Debug, thiserror::Error)]
#[error("the body is not a payload of {event:?}: {source}")]
pub struct UnreadablePayload {
    event: String,
    source: serde_json::Error,
}

#[derive(Deserialize)]
struct Common {
    action: Option<String>,
    repository: Option<RawRepository>,
    sender: Option<RawSender>,
}

#[derive(Deserialize)]
struct RawRepository {
    id: i64,
    full_name: String,
}

#[derive(Deserialize)]
struct RawSender {
    id: i64,
    login: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct RawLabel {
    name: String,
}

#[derive(Deserialize)]
struct RawIssue {
    number: i64,
    title: String,
    body: Option<String>,
    state: Option<String>,
    #[serde(default)]
    labels: Vec<RawLabel>,
    html_url: String,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct IssuePayload {
    action: String,
    issue: RawIssue,
    label: Option<RawLabel>,
}

/// Reads a delivery.
///
/// # Errors
/// When the body lacks what every payload of that event has.
pub fn read(event: &str, body: &[u8]) -> Result<Delivered, UnreadablePayload> {
    let unreadable = |source| UnreadablePayload { event: event.to_owned(), source };
    let common: Common = serde_json::from_slice(body).map_err(unreadable)?;
    let repository = common.repository.map(|r| EventRepository { github_id: r.id, full_name: r.full_name });
    let sender = common.sender.map(|s| Sender {
        github_id: s.id,
        login: s.login,
        kind: if s.kind == "User" { AccountKind::User } else { AccountKind::Other },
    });
    let mut delivered =
        Delivered { event: Event::Other, action: common.action, repository, sender, object_time: None, key: None };
    if event == "issues" {
        let payload: IssuePayload = serde_json::from_slice(body).map_err(unreadable)?;
        read_issue_event(&mut delivered, payload);
    }
    Ok(delivered)
}

fn read_issue_event(delivered: &mut Delivered, payload: IssuePayload) {
    let updated_at = payload.issue.updated_at;
    let label = payload.label.map(|label| label.name);
    let repository = delivered.repository.as_ref().map_or(0, |r| r.github_id);
    delivered.object_time = Some(updated_at);
    let (number, about) = (payload.issue.number, label.as_deref().unwrap_or_default());
    let key = |action: &str| format!("{repository}:issues.{action}:{number}:{about}:{}", updated_at.timestamp());
    let opposite = match payload.action.as_str() {
        "labeled" => Some(key("unlabeled")),
        "unlabeled" => Some(key("labeled")),
        _ => None,
    };
    delivered.key = Some(EventKey { own: key(&payload.action), opposite });
    let issue = Issue {
        number: payload.issue.number,
        title: payload.issue.title,
        body: payload.issue.body.unwrap_or_default(),
        open: payload.issue.state.as_deref() != Some("closed"),
        labels: payload.issue.labels.into_iter().map(|label| label.name).collect(),
        url: payload.issue.html_url,
    };
    delivered.event = match (payload.action.as_str(), label) {
        ("labeled", Some(label)) => Event::Labeled { label, issue },
        ("unlabeled", Some(label)) => Event::Unlabeled { label, issue },
        ("closed" | "deleted", _) => Event::IssueEnded { issue },
        ("edited", _) => Event::IssueEdited { issue },
        _ => Event::Other,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(action: &str) -> serde_json::Value {
        serde_json::json!({
            "action": action,
            "label": { "name": "run:dev", "color": "ffffff" },
            "issue": {
                "number": 7, "title": "Add dark mode", "body": null, "state": "open",
                "labels": [{ "name": "run:dev" }, { "name": "bug" }],
                "html_url": "http://github.test/acme/app/issues/7", "updated_at": "2026-11-22T10:00:00Z",
            },
            "repository": { "id": 42, "full_name": "acme/app" },
            "sender": { "id": 9, "login": "olga", "type": "User" },
        })
    }

    fn delivered(action: &str) -> Delivered {
        read("issues", payload(action).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_label_event_is_read_with_all_that_decides() {
        let read = delivered("labeled");
        assert_eq!(read.label(), Some("run:dev"));
        assert_eq!(read.issue().unwrap().labels, ["run:dev", "bug"]);
        let key = read.key.unwrap();
        assert_eq!(key.after(0), "42:issues.labeled:7:run:dev:1795341600");
        assert_eq!(key.after(1), "42:issues.labeled:7:run:dev:1795341600#1");
        assert_eq!(key.opposite.as_deref(), Some("42:issues.unlabeled:7:run:dev:1795341600"));
        assert_eq!(read.sender.unwrap().kind, AccountKind::User);
    }

    #[test]
    fn actions_become_events() {
        assert!(matches!(delivered("unlabeled").event, Event::Unlabeled { .. }));
        assert!(matches!(delivered("closed").event, Event::IssueEnded { .. }));
        assert!(matches!(delivered("deleted").event, Event::IssueEnded { .. }));
        assert!(matches!(delivered("edited").event, Event::IssueEdited { .. }));
        assert_eq!(delivered("pinned").event, Event::Other);
    }

    #[test]
    fn other_events_are_no_error_and_a_body_that_does_not_fit_is_one() {
        assert_eq!(read("ping", br#"{"zen":"x","hook_id":1}"#).unwrap().event, Event::Other);
        assert!(read("issues", br#"{"action":"labeled"}"#).is_err());
        assert!(read("issues", b"not json").is_err());
    }
}
