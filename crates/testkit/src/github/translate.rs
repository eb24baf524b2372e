//! What the emulator's events lack, put in before they are signed and sent.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::deliveries::Hook;

const ZERO: &str = "0000000000000000000000000000000000000000";

/// The event as GitHub would send it to this hook; `None` when the hook did not ask for it.
pub(super) fn as_github(hook: &Hook, event: &str, mut payload: Value, now: DateTime<Utc>) -> Option<(String, Value)> {
    let mut event = event;
    if event == "issues" && payload["issue"]["head"].is_object() {
        // The emulator announces labels of pull requests as those of issues.
        event = "pull_request";
        payload["pull_request"] = payload["issue"].take();
        payload["number"] = payload["pull_request"]["number"].clone();
        if let Some(fields) = payload.as_object_mut() {
            fields.remove("issue");
        }
    }
    match event {
        "ping" => {
            payload["hook"]["config"]["url"] = json!(hook.url);
            payload["hook"]["events"] = json!(hook.events);
            payload["repository"] = hook.about.clone();
        }
        "push" => {
            let (before, after) = (payload["before"].clone(), payload["after"].clone());
            payload["created"] = json!(before == ZERO);
            payload["deleted"] = json!(after == ZERO);
            if payload["forced"].is_null() {
                payload["forced"] = json!(false);
            }
            payload["repository"]["pushed_at"] = json!(now.timestamp());
            payload["pusher"] = json!({"name": payload["sender"]["login"], "email": payload["sender"]["email"]});
        }
        _ => {}
    }
    let wanted = event == "ping" || hook.events.iter().any(|one| one == "*" || one == event);
    wanted.then(|| (event.to_owned(), payload))
}

/// What the emulator must be asked for, so that nothing a hook wants is missed.
pub(super) fn events_to_catch(wanted: &[String]) -> Vec<String> {
    let mut events = wanted.to_vec();
    if wanted.iter().any(|event| event == "pull_request") && !wanted.iter().any(|event| event == "issues") {
        events.push("issues".to_owned());
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(events: &[&str]) -> Hook {
        Hook {
            id: 1,
            repository: "o/r".into(),
            about: json!({"id": 7}),
            url: "http://there.test/".into(),
            secret: None,
            events: events.iter().map(|&event| event.into()).collect(),
        }
    }

    #[test]
    fn a_label_on_a_pull_request_is_its_own_event() {
        let sent = json!({"action": "labeled", "issue": {"number": 3, "head": {}, "base": {}}, "label": {"name": "x"}});
        let (event, payload) = as_github(&hook(&["pull_request"]), "issues", sent.clone(), Utc::now()).unwrap();
        assert_eq!((event.as_str(), &payload["number"]), ("pull_request", &json!(3)));
        assert!(payload.get("issue").is_none());
        assert!(as_github(&hook(&["issues"]), "issues", sent, Utc::now()).is_none());
    }

    #[test]
    fn only_events_that_were_asked_for_are_sent_but_pings_always() {
        let issue = json!({"action": "opened", "issue": {"number": 3}});
        assert!(as_github(&hook(&["pull_request"]), "issues", issue.clone(), Utc::now()).is_none());
        assert!(as_github(&hook(&["*"]), "issues", issue, Utc::now()).is_some());
        let (_, ping) = as_github(&hook(&[]), "ping", json!({"hook": {"config": {}}}), Utc::now()).unwrap();
        assert_eq!(
            (&ping["hook"]["config"]["url"], &ping["repository"]["id"]),
            (&json!("http://there.test/"), &json!(7))
        );
    }

    #[test]
    fn a_push_says_when_and_what_became_of_the_ref() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let sent =
            json!({"ref": "refs/heads/x", "before": ZERO, "after": "1", "repository": {}, "sender": {"login": "a"}});
        let (_, payload) = as_github(&hook(&["push"]), "push", sent, now).unwrap();
        assert_eq!((&payload["created"], &payload["deleted"]), (&json!(true), &json!(false)));
        assert_eq!(
            (&payload["repository"]["pushed_at"], &payload["pusher"]["name"]),
            (&json!(1_800_000_000), &json!("a"))
        );
    }

    #[test]
    fn labels_of_pull_requests_are_caught_as_issues() {
        assert_eq!(events_to_catch(&["pull_request".into()]), ["pull_request", "issues"]);
        assert_eq!(events_to_catch(&["push".into()]), ["push"]);
    }
}
