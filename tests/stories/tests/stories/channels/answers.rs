//! What comes back through channels, at once, late and from strangers, and which of it counts.

use anyhow::{Context, Result};
use domain::flow::FlowKind;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Service, id_of};

use super::{add, asks, asks_leave, audited, decide, heard, in_channel, request, with_channel, working};

/// Objects joined.
trait Merged {
    fn merged(self, other: Value) -> Value;
}

impl Merged for Value {
    fn merged(mut self, other: Value) -> Value {
        for (name, value) in other.as_object().into_iter().flatten() {
            self[name] = value.clone();
        }
        self
    }
}

#[tokio::test]
async fn who_denies_through_a_channel_is_heard_in_their_own_words() -> Result<()> {
    let (mut t, service, _) = with_channel("approver", &json!({ "locale": "ru" })).await?;
    let pod = working(&mut t).await?;
    let id = asks_leave(&pod).await?;
    let asked = service.asked_times(1).await?;
    assert!(asked["approval_request"].as_str().is_some_and(|text| text.contains("Поставить на")), "{asked}");
    let said = json!({ "decision": "deny", "reason": "Areas are mine to choose." });
    heard(&service.calls_back(&asked, &said).await?, "ok");
    let denied = request(&t, &id).await?;
    assert_eq!((&denied["state"], &denied["answer"]["text"]), (&json!("denied"), &json!("Areas are mine to choose.")));
    let told =
        pod.tool("github_labels_add", &json!({ "labels": ["area:ui"], "why": "It is about the interface." })).await?;
    assert_eq!((&told["status"], &told["denied_by"]), (&json!("denied"), &json!("Team chat")));
    t.platform.still_runs()
}

#[tokio::test]
async fn an_executor_answers_with_an_option_or_in_words_where_they_are_taken() -> Result<()> {
    let (mut t, service, _) = with_channel("executor", &json!({})).await?;
    let pod = working(&mut t).await?;
    let first = asks(&pod, false).await?;
    let asked = service.asked_times(1).await?;
    assert_eq!(asked["arguments"]["options"], json!(["PostgreSQL", "SQLite"]));
    let option = json!({ "question": asked["arguments"]["question"], "selected_option": "SQLite", "selected_index": 1, "custom": false, "input_mode": "button" });
    heard(&service.calls_back(&asked, &json!({ "status": "success", "result": option })).await?, "ok");
    let seen = request(&t, &first).await?;
    assert_eq!((&seen["state"], &seen["answer"]), (&json!("answered"), &json!({ "option": 1, "text": "SQLite" })));
    assert_eq!(seen["decided_through"], "Team chat");

    let second = asks(&pod, true).await?;
    let asked = service.asked_times(2).await?;
    let own = json!({ "question": "…", "selected_option": "MySQL, as ever", "selected_index": null, "custom": true, "input_mode": "voice" });
    heard(&service.calls_back(&asked, &json!({ "status": "success", "result": own })).await?, "ok");
    assert_eq!(request(&t, &second).await?["answer"], json!({ "text": "MySQL, as ever" }));
    assert_eq!(
        audited(&t, pod.lease.run, FlowKind::RequestAnswered).await?,
        ["channel:Team chat", "channel:Team chat"]
    );
    t.platform.still_runs()
}

#[tokio::test]
async fn what_fails_in_a_channel_stays_open_for_everybody_else() -> Result<()> {
    let (mut t, service, _) = with_channel("executor", &json!({})).await?;
    let pod = working(&mut t).await?;
    let words = json!({ "selected_option": "MySQL", "selected_index": null, "custom": true, "input_mode": "text" });
    let table = [
        (json!({ "status": "error", "result": "execution timeout" }), "expired", None),
        (json!({ "status": "error", "result": "chat not found" }), "failed", Some("chat not found")),
        (json!({ "status": "success", "result": words }), "failed", Some("one of its options only")),
    ];
    for (times, (said, state, trouble)) in (1..).zip(table) {
        let question =
            json!({ "question": format!("Which database, try {times}?"), "options": ["PostgreSQL", "SQLite"] });
        let told = pod.tool("owner_feedback_request", &json!({ "allow_custom": false }).merged(question)).await?;
        let id = told["request_id"].as_str().context("no request")?.to_owned();
        let asked = service.asked_times(times).await?;
        heard(&service.calls_back(&asked, &said).await?, "ok");
        heard(&service.calls_back(&asked, &said).await?, "already resolved");
        let seen = request(&t, &id).await?;
        assert_eq!((&seen["state"], &seen["channels"][0]["state"]), (&json!("requested"), &json!(state)));
        let told = seen["channels"][0]["trouble"].as_str().unwrap_or_default();
        assert!(trouble.is_none_or(|trouble| told.contains(trouble)), "{told}");
        let path = format!("approvals/{id}/answer");
        assert_eq!(t.owner.call(Method::POST, &path, &json!({ "option": 0 })).await?.ok()?["state"], "answered");
    }
    let silent = asks(&pod, false).await?;
    in_channel(&t, &silent, "asked").await?;
    let over = "UPDATE channel_requests SET answer_by = app_now() - interval '1 second' WHERE state = 'asked'";
    sqlx::query(over).execute(&t.platform.db).await?;
    in_channel(&t, &silent, "expired").await?;
    assert_eq!(request(&t, &silent).await?["state"], "requested");
    t.platform.still_runs()
}

#[tokio::test]
async fn the_console_and_two_channels_at_once_decide_once() -> Result<()> {
    let (mut t, first, _) = with_channel("approver", &json!({})).await?;
    let second = Service::start().await?;
    add(&t, &t.owner, "approver", &second.url(), &json!({ "name": "On call" })).await?.ok()?;
    let pod = working(&mut t).await?;
    let mut decided_by = std::collections::BTreeSet::new();
    for (times, label) in (1..).zip(["area:ui", "area:api", "area:cli"]) {
        let told = pod.tool("github_labels_add", &json!({ "labels": [label] })).await?;
        let seen = request(&t, told["request_id"].as_str().context("no request")?).await?;
        let (at_first, at_second) = (first.asked_times(times).await?, second.asked_times(times).await?);
        let (approve, deny) =
            (json!({ "decision": "approve", "reason": "approved" }), json!({ "decision": "deny", "reason": "No." }));
        let (console, one, other, again) = tokio::join!(
            decide(&t.owner, &seen, "deny"),
            first.calls_back(&at_first, &approve),
            second.calls_back(&at_second, &deny),
            first.calls_back(&at_first, &approve),
        );
        let channels = [one?, other?, again?];
        assert!(channels.iter().all(|answer| answer.status == StatusCode::OK));
        let counted = channels.iter().filter(|answer| answer.body["status"] == "ok").count();
        assert_eq!(counted + usize::from(console?.status == StatusCode::OK), 1);
        let after = request(&t, &id_of(&seen)?).await?;
        let states: Vec<_> =
            after["channels"].as_array().into_iter().flatten().map(|one| one["state"].as_str()).collect();
        assert!(states.iter().all(|state| matches!(state, Some("answered" | "withdrawn"))), "{states:?}");
        assert_eq!(states.iter().filter(|state| **state == Some("answered")).count(), counted);
        decided_by.insert(after["decided_through"].to_string());
    }
    let run = pod.lease.run;
    let decided =
        [audited(&t, run, FlowKind::RequestApproved).await?, audited(&t, run, FlowKind::RequestDenied).await?];
    assert_eq!(decided.concat().len(), 3, "{decided_by:?}");
    t.platform.still_runs()
}

#[tokio::test]
async fn only_the_secret_of_a_try_opens_the_listener_and_only_in_its_format() -> Result<()> {
    let (mut t, service, _) = with_channel("approver", &json!({})).await?;
    let pod = working(&mut t).await?;
    let id = asks_leave(&pod).await?;
    let asked = service.asked_times(1).await?;
    let back = asked["callback"]["url"].as_str().context("no way back")?.to_owned();
    let base = t.platform.integrations_url().to_owned();
    let good = json!({ "correlation_id": asked["correlation_id"], "decision": "approve", "reason": "approved" });
    let other_id = json!({ "correlation_id": uuid::Uuid::new_v4() }).merged(json!({ "decision": "approve" }));
    let no_id = json!({ "correlation_id": "x", "decision": "approve" });
    let stranger = format!("{base}/api/v1/approvers/callback?token=cxc_{}", "A".repeat(43));
    let run_token = format!("{base}/api/v1/approvers/callback?token={}", pod.token());
    let executor = json!({ "correlation_id": asked["correlation_id"], "status": "success", "result": {} });
    let agents = back.replace(&base, t.platform.agents_url());
    let public = back.replace(&base, t.platform.url());
    for (url, body, status) in [
        (back.as_str(), other_id.to_string(), 404),
        (&back, no_id.to_string(), 404),
        (&stranger, good.to_string(), 404),
        (&run_token, good.to_string(), 404),
        (&back.replace("approvers", "executors"), executor.to_string(), 404),
        (&agents, good.to_string(), 404),
        (&format!("{base}/api/v1/approvers/callback"), good.to_string(), 422),
        (&back, "{\"decision\":".to_owned(), 400),
        (&back, json!({ "decision": "approve" }).to_string(), 422),
        (&back, good.clone().merged(json!({ "decision": "perhaps" })).to_string(), 422),
        (&back, good.clone().merged(json!({ "reason": "x".repeat(70_000) })).to_string(), 413),
        (&format!("{base}/api/v1/staff/me"), "{}".to_owned(), 404),
    ] {
        let answer = service.posts(url, body).await?;
        assert_eq!(answer.status.as_u16(), status, "{url} {}", answer.body);
    }
    assert!(
        service.posts(&public, good.to_string()).await?.status.is_client_error(),
        "the public listener knows none of it"
    );
    assert_eq!(request(&t, &id).await?["state"], "requested");
    // What others send beside it does not matter.
    let more = json!({ "metadata": { "chat": 7 }, "request_id": "r-1" });
    heard(&service.posts(&back, good.merged(more).to_string()).await?, "ok");
    assert_ne!(request(&t, &id).await?["state"], "requested");
    t.platform.still_runs()
}
