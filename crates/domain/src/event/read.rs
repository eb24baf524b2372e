//! The payloads themselves, as far as they are read.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{AccountKind, Comment, Delivered, Event, EventKey, EventRepository, Issue, Pull, Sender, Verdict};

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
    /// Comments on pull requests come as comments on issues.
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct RawComment {
    id: i64,
    body: Option<String>,
    html_url: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct CommentPayload {
    action: String,
    issue: RawIssue,
    comment: RawComment,
}

#[derive(Deserialize)]
struct RawBranch {
    #[serde(rename = "ref")]
    name: String,
    /// `None` when the fork it lay in is gone.
    repo: Option<RawPlace>,
}

#[derive(Deserialize)]
struct RawPlace {
    id: i64,
}

#[derive(Deserialize)]
struct RawPull {
    number: i64,
    title: String,
    body: Option<String>,
    state: String,
    #[serde(default)]
    merged: bool,
    #[serde(default)]
    labels: Vec<RawLabel>,
    html_url: String,
    head: RawBranch,
    base: RawBranch,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct PullPayload {
    action: String,
    pull_request: RawPull,
    label: Option<RawLabel>,
}

#[derive(Deserialize)]
struct RawReview {
    id: i64,
    state: String,
    submitted_at: Option<DateTime<Utc>>,
}

/// The pull request comes without its `merged` here.
#[derive(Deserialize)]
struct ReviewPayload {
    action: String,
    pull_request: RawPull,
    review: RawReview,
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
    match event {
        "issues" => read_issue_event(&mut delivered, serde_json::from_slice(body).map_err(unreadable)?),
        "issue_comment" => read_comment(&mut delivered, serde_json::from_slice(body).map_err(unreadable)?),
        "pull_request" => read_pull_event(&mut delivered, serde_json::from_slice(body).map_err(unreadable)?),
        "pull_request_review" => read_review(&mut delivered, serde_json::from_slice(body).map_err(unreadable)?),
        _ => {}
    }
    Ok(delivered)
}

fn read_pull_event(delivered: &mut Delivered, payload: PullPayload) {
    let PullPayload { action, pull_request, label } = payload;
    let label = label.map(|label| label.name);
    let updated_at = pull_request.updated_at;
    delivered.object_time = Some(updated_at);
    delivered.key = Some(label_key(
        delivered,
        "pull_request",
        &action,
        pull_request.number,
        label.as_deref().unwrap_or_default(),
        updated_at,
    ));
    let (merged, pull) = (pull_request.merged, pull_of(pull_request));
    delivered.event = match (action.as_str(), label) {
        ("labeled", Some(label)) => Event::PullLabeled { label, pull },
        ("unlabeled", Some(label)) => Event::PullUnlabeled { label, pull },
        ("closed", _) => Event::PullClosed { merged, pull },
        _ => Event::Other,
    };
}

fn read_review(delivered: &mut Delivered, payload: ReviewPayload) {
    let ReviewPayload { action, pull_request, review } = payload;
    let repository = delivered.repository.as_ref().map_or(0, |r| r.github_id);
    delivered.object_time = review.submitted_at.or(Some(pull_request.updated_at));
    delivered.key = Some(EventKey { own: key_of_review(repository, &action, review.id), opposite: None });
    if let (Some(verdict), "submitted") = (Verdict::of_state(&review.state), action.as_str()) {
        delivered.event = Event::Reviewed { verdict, pull: pull_of(pull_request) };
    }
}

/// What the ledger knows a review by that was handed in; both by GitHub's numeric ids.
#[must_use]
pub fn review_key(repository: i64, review: i64) -> String {
    key_of_review(repository, "submitted", review)
}

fn key_of_review(repository: i64, action: &str, review: i64) -> String {
    format!("{repository}:pull_request_review.{action}:{review}")
}

fn pull_of(raw: RawPull) -> Pull {
    let head_is_here = match (&raw.head.repo, &raw.base.repo) {
        (Some(head), Some(base)) => head.id == base.id,
        _ => false,
    };
    Pull {
        number: raw.number,
        title: raw.title,
        body: raw.body.unwrap_or_default(),
        open: raw.state != "closed",
        labels: raw.labels.into_iter().map(|label| label.name).collect(),
        url: raw.html_url,
        head: raw.head.name,
        head_is_here,
        base: raw.base.name,
    }
}

/// The key of an event about a label, or about the whole issue or pull request where `about` is empty.
fn label_key(
    delivered: &Delivered,
    event: &str,
    action: &str,
    number: i64,
    about: &str,
    updated_at: DateTime<Utc>,
) -> EventKey {
    let repository = delivered.repository.as_ref().map_or(0, |r| r.github_id);
    let key = |action: &str| format!("{repository}:{event}.{action}:{number}:{about}:{}", updated_at.timestamp());
    let opposite = match action {
        "labeled" => Some(key("unlabeled")),
        "unlabeled" => Some(key("labeled")),
        "closed" => Some(key("reopened")),
        "reopened" => Some(key("closed")),
        _ => None,
    };
    EventKey { own: key(action), opposite }
}

fn read_issue_event(delivered: &mut Delivered, payload: IssuePayload) {
    let updated_at = payload.issue.updated_at;
    let label = payload.label.map(|label| label.name);
    delivered.object_time = Some(updated_at);
    let (number, about) = (payload.issue.number, label.as_deref().unwrap_or_default());
    delivered.key = Some(label_key(delivered, "issues", &payload.action, number, about, updated_at));
    let issue = issue_of(payload.issue);
    delivered.event = match (payload.action.as_str(), label) {
        ("labeled", Some(label)) => Event::Labeled { label, issue },
        ("unlabeled", Some(label)) => Event::Unlabeled { label, issue },
        ("closed" | "deleted", _) => Event::IssueEnded { issue },
        ("edited", _) => Event::IssueEdited { issue },
        _ => Event::Other,
    };
}

/// A comment is known by its id; each change of it is an event of its own, which nobody acts on.
fn read_comment(delivered: &mut Delivered, payload: CommentPayload) {
    let CommentPayload { action, issue, comment } = payload;
    let repository = delivered.repository.as_ref().map_or(0, |r| r.github_id);
    let is_new = action == "created";
    delivered.object_time = Some(if is_new { comment.created_at } else { comment.updated_at });
    let change = if is_new { String::new() } else { format!(":{}", comment.updated_at.timestamp()) };
    let own = format!("{repository}:issue_comment.{action}:{}{change}", comment.id);
    delivered.key = Some(EventKey { own, opposite: None });
    if !is_new {
        return;
    }
    let comment = Comment { id: comment.id, body: comment.body.unwrap_or_default(), url: comment.html_url };
    delivered.event = match issue.pull_request {
        Some(_) => Event::PullCommented { comment, number: issue.number },
        None => Event::Commented { comment, issue: issue_of(issue) },
    };
}

fn issue_of(raw: RawIssue) -> Issue {
    Issue {
        number: raw.number,
        title: raw.title,
        body: raw.body.unwrap_or_default(),
        open: raw.state.as_deref() != Some("closed"),
        labels: raw.labels.into_iter().map(|label| label.name).collect(),
        url: raw.html_url,
    }
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

    fn pull(action: &str, changes: &serde_json::Value) -> Delivered {
        let mut payload = serde_json::json!({
            "action": action,
            "pull_request": {
                "number": 8, "title": "Add dark mode", "body": "Refs #7", "state": "open", "merged": false,
                "labels": [{ "name": "need:reviewer" }], "html_url": "http://github.test/acme/app/pull/8",
                "head": { "ref": "codex/i7-x", "repo": { "id": 42 } }, "base": { "ref": "main", "repo": { "id": 42 } },
                "updated_at": "2026-11-22T10:00:00Z",
            },
            "repository": { "id": 42, "full_name": "acme/app" },
            "sender": { "id": 9, "login": "olga", "type": "User" },
        });
        merge(&mut payload, changes);
        let event = if payload.get("review").is_some() { "pull_request_review" } else { "pull_request" };
        read(event, payload.to_string().as_bytes()).unwrap()
    }

    fn merge(into: &mut serde_json::Value, changes: &serde_json::Value) {
        match (into.as_object_mut(), changes.as_object()) {
            (Some(fields), Some(changes)) => {
                for (name, value) in changes {
                    merge(fields.entry(name.clone()).or_insert(serde_json::Value::Null), value);
                }
            }
            _ => *into = changes.clone(),
        }
    }

    #[test]
    fn what_happens_to_a_pull_request_is_read() {
        let labelled = pull("labeled", &serde_json::json!({ "label": { "name": "need:reviewer" } }));
        assert_eq!((labelled.label(), labelled.subject()), (Some("need:reviewer"), Some(8)));
        let read = labelled.pull().unwrap();
        assert_eq!((read.head.as_str(), read.base.as_str(), read.head_is_here), ("codex/i7-x", "main", true));
        let merged = pull("closed", &serde_json::json!({ "pull_request": { "state": "closed", "merged": true } }));
        assert!(matches!(merged.event, Event::PullClosed { merged: true, ref pull } if !pull.open));
        let fork = serde_json::json!({ "pull_request": { "head": { "repo": null } } });
        assert!(matches!(pull("closed", &fork).event, Event::PullClosed { merged: false, pull } if !pull.head_is_here));
        assert_eq!(pull("synchronize", &serde_json::json!({})).event, Event::Other);
    }

    #[test]
    fn only_a_review_that_decides_is_an_event_and_it_is_known_by_its_id() {
        let review = |action: &str, state: &str| {
            let review = serde_json::json!({ "id": 77, "state": state, "submitted_at": "2026-11-22T10:05:00Z" });
            pull(action, &serde_json::json!({ "review": review }))
        };
        let asked = review("submitted", "changes_requested");
        assert!(matches!(asked.event, Event::Reviewed { verdict: Verdict::ChangesRequested, .. }));
        assert_eq!(asked.key.unwrap().after(0), "42:pull_request_review.submitted:77");
        let approved = review("submitted", "APPROVED").event;
        assert!(matches!(approved, Event::Reviewed { verdict: Verdict::Approved, .. }));
        assert_eq!(review("submitted", "commented").event, Event::Other);
        assert_eq!(review("dismissed", "approved").event, Event::Other);
    }

    #[test]
    fn a_new_comment_is_read_and_known_by_its_id() {
        let commented = |action: &str, changes: &serde_json::Value| {
            let mut payload = payload(action);
            payload["comment"] = serde_json::json!({
                "id": 31, "body": "Why is it slow?", "html_url": "http://github.test/acme/app/issues/7#issuecomment-31",
                "created_at": "2026-11-22T10:01:00Z", "updated_at": "2026-11-22T10:04:00Z",
            });
            merge(&mut payload, changes);
            read("issue_comment", payload.to_string().as_bytes()).unwrap()
        };
        let nothing = serde_json::json!({});
        let new = commented("created", &nothing);
        let Event::Commented { comment, .. } = &new.event else { panic!("{:?}", new.event) };
        assert_eq!((comment.id, comment.body.as_str(), new.subject()), (31, "Why is it slow?", Some(7)));
        assert_eq!(new.key.unwrap().after(0), "42:issue_comment.created:31");
        let edited = commented("edited", &nothing);
        assert_eq!(edited.event, Event::Other);
        assert_eq!(edited.key.unwrap().after(0), "42:issue_comment.edited:31:1795341840");
        assert_eq!(commented("deleted", &nothing).event, Event::Other);
        let on_a_pull = serde_json::json!({ "issue": { "pull_request": { "url": "u" } } });
        let on_a_pull = commented("created", &on_a_pull);
        assert_eq!((on_a_pull.subject(), on_a_pull.issue(), on_a_pull.pull()), (Some(7), None, None));
        assert_eq!(on_a_pull.comment().map(|(comment, number)| (comment.id, number)), Some((31, 7)));
    }

    #[test]
    fn other_events_are_no_error_and_a_body_that_does_not_fit_is_one() {
        assert_eq!(read("ping", br#"{"zen":"x","hook_id":1}"#).unwrap().event, Event::Other);
        assert!(read("issues", br#"{"action":"labeled"}"#).is_err());
        assert!(read("issues", b"not json").is_err());
    }
}
