//! Channels are tried: a test goes the way of a real request, what came of it is told, and nothing is decided.

use anyhow::{Context, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Instead, Service, Story, id_of};
use testkit::console::{Answer, Console};

use crate::channels::{add, change, heard, with_channel};

async fn tries(who: &Console, channel: &Value) -> Result<Answer> {
    who.call(Method::POST, &format!("channels/{}/try", id_of(channel)?), &Value::Null).await
}

/// The channel, when its newest test stands so.
async fn tried(t: &Story, channel: &Value, state: &str) -> Result<Value> {
    let (id, path) = (id_of(channel)?, format!("projects/{}/channels", t.project));
    let mut last = Value::Null;
    let so = stories::until(state, async || {
        let listed = t.owner.get(&path).await?;
        let found = listed["items"].as_array().into_iter().flatten().find(|one| one["id"] == *id).cloned();
        last = found.unwrap_or_default();
        Ok(last["trial"]["state"] == state)
    });
    so.await.with_context(|| last.to_string())?;
    Ok(last)
}

#[tokio::test]
async fn an_approver_is_tried_once_at_a_time_and_whatever_it_says_decides_nothing() -> Result<()> {
    let (mut t, service, channel) = with_channel("approver", &json!({ "timeout_seconds": 7200 })).await?;
    t.platform.add_worker()?;
    let begun = tries(&t.owner, &channel).await?;
    assert_eq!((begun.status, &begun.body["trial"]["state"]), (StatusCode::ACCEPTED, &json!("queued")));
    let asked = service.asked_times(1).await?;
    assert_eq!((&asked["tool"], &asked["arguments"]), (&json!("channel_test"), &json!({})));
    assert_eq!((&asked["lang"], &asked["timeout_sec"]), (&json!("en"), &json!(600)));
    assert!(asked["approval_request"].as_str().is_some_and(|text| text.starts_with("TEST. ")), "{asked}");
    tried(&t, &channel, "asked").await?;
    let again = tries(&t.owner, &channel).await?;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "channel_being_tried"));

    let said = json!({ "decision": "deny", "reason": "Write to olga@acme.test first." });
    heard(&service.calls_back(&asked, &said).await?, "ok");
    heard(&service.calls_back(&asked, &json!({ "decision": "approve" })).await?, "already resolved");
    let seen = tried(&t, &channel, "answered").await?;
    assert_eq!((&seen["trial"]["verdict"], &seen["trial"]["trouble"]), (&json!("denied"), &Value::Null));
    let words = seen["trial"]["text"].as_str().unwrap_or_default();
    assert!(words.starts_with("Write to") && !words.contains("olga@"), "{words}");
    assert_eq!(seen["trial"]["by"], json!(t.github.person("owner")?.login));
    assert_eq!((&seen["open"], &seen["last"]), (&json!(0), &Value::Null), "nobody asked anything");

    tries(&t.owner, &channel).await?.ok()?;
    let asked = service.asked_times(2).await?;
    heard(&service.calls_back(&asked, &json!({ "decision": "approve", "reason": "approved" })).await?, "ok");
    assert_eq!(tried(&t, &channel, "answered").await?["trial"]["verdict"], "approved");
    let count =
        "SELECT (SELECT count(*) FROM approvals), (SELECT count(*) FROM flow_events WHERE kind = 'channel.tried')";
    assert_eq!(sqlx::query_as::<_, (i64, i64)>(count).fetch_one(&t.platform.db).await?, (0, 2));
    t.platform.still_runs()
}

#[tokio::test]
async fn an_executor_is_tried_with_a_question_in_its_language_also_while_it_is_silenced() -> Result<()> {
    let (mut t, service, channel) = with_channel("executor", &json!({ "locale": "ru" })).await?;
    t.platform.add_worker()?;
    let channel = change(&t.owner, &channel, &json!({ "enabled": false })).await?.ok()?;
    tries(&t.owner, &channel).await?.ok()?;
    let asked = service.asked_times(1).await?;
    let arguments = &asked["arguments"];
    assert!(arguments["question"].as_str().is_some_and(|text| text.starts_with("ПРОВЕРКА. ")), "{asked}");
    let option = json!({ "selected_option": arguments["options"][1], "selected_index": 1, "custom": false, "input_mode": "button" });
    heard(&service.calls_back(&asked, &json!({ "status": "success", "result": option })).await?, "ok");
    let seen = tried(&t, &channel, "answered").await?;
    assert_eq!((&seen["trial"]["verdict"], &seen["trial"]["text"]), (&json!("chosen"), &arguments["options"][1]));

    tries(&t.owner, &channel).await?.ok()?;
    let asked = service.asked_times(2).await?;
    let own = json!({ "selected_option": "Вижу", "selected_index": null, "custom": true, "input_mode": "voice" });
    heard(&service.calls_back(&asked, &json!({ "status": "success", "result": own })).await?, "ok");
    let seen = tried(&t, &channel, "answered").await?;
    assert_eq!((&seen["trial"]["verdict"], &seen["trial"]["text"]), (&json!("written"), &json!("Вижу")));
    t.platform.still_runs()
}

#[tokio::test]
async fn what_goes_wrong_with_a_test_is_told_at_once_and_not_repeated() -> Result<()> {
    let (mut t, service, channel) = with_channel("approver", &json!({})).await?;
    t.platform.add_worker()?;
    let troubles = [
        (Instead::Says(400, r#"{"decision":"error","reason":"markup must be markdown or html"}"#), "markup must be"),
        (Instead::Says(500, r#"{"decision":"error","reason":"approval failed"}"#), "approval failed"),
        (Instead::Says(404, "<html>"), "it answered 404"),
        (Instead::Leads("http://api-gateway.codex-k8s.svc:8080/"), "redirects are not followed"),
        (Instead::Nothing, "did not answer in time"),
    ];
    for (times, (instead, words)) in (1..).zip(troubles) {
        service.answers(instead);
        tries(&t.owner, &channel).await?.ok()?;
        service.asked_times(times).await?;
        let told = tried(&t, &channel, "failed").await?["trial"]["trouble"].clone();
        assert!(told.as_str().is_some_and(|told| told.contains(words)), "{told}");
    }
    for (times, (said, state)) in (6..).zip([("chat not found", "failed"), ("approval timeout", "expired")]) {
        tries(&t.owner, &channel).await?.ok()?;
        let asked = service.asked_times(times).await?;
        heard(&service.calls_back(&asked, &json!({ "decision": "error", "reason": said })).await?, "ok");
        tried(&t, &channel, state).await?;
    }
    tries(&t.owner, &channel).await?.ok()?;
    let silent = service.asked_times(8).await?;
    tried(&t, &channel, "asked").await?;
    let over = "UPDATE channel_requests SET answer_by = app_now() - interval '1 second' WHERE state = 'asked'";
    sqlx::query(over).execute(&t.platform.db).await?;
    tried(&t, &channel, "expired").await?;
    heard(&service.calls_back(&silent, &json!({ "decision": "approve" })).await?, "already resolved");

    // An address inside, behind a name that may be given.
    let channel = change(&t.owner, &channel, &json!({ "url": "http://metadata.tools.svc:80" })).await?.ok()?;
    tries(&t.owner, &channel).await?.ok()?;
    let told = tried(&t, &channel, "failed").await?["trial"]["trouble"].clone();
    assert!(
        told.as_str().is_some_and(|told| told.contains("169.254.169.254") && told.contains("link-local")),
        "{told}"
    );
    assert_eq!(service.asked().len(), 8);
    t.platform.still_runs()
}

#[tokio::test]
async fn who_manages_the_project_has_channels_tried_and_a_change_takes_a_test_back() -> Result<()> {
    let (mut t, _service, channel) = with_channel("approver", &json!({})).await?;
    let (writer, reader) = (t.console_of("writer").await?, t.console_of("reader").await?);
    t.add_user("stranger").await?;
    let stranger = t.console_of("stranger").await?;
    for (who, status) in [(&writer, 403), (&reader, 403), (&stranger, 404)] {
        assert_eq!(tries(who, &channel).await?.status.as_u16(), status);
    }
    tries(&t.owner, &channel).await?.ok()?;
    let other = Service::start().await?;
    change(&t.owner, &channel, &json!({ "url": other.url() })).await?.ok()?;
    tried(&t, &channel, "withdrawn").await?;
    let new = add(&t, &t.owner, "approver", &other.url(), &json!({ "name": "On call" })).await?.ok()?;
    assert_eq!(new["trial"], Value::Null);
    t.owner.call(Method::DELETE, &format!("channels/{}", id_of(&new)?), &Value::Null).await?;
    assert_eq!(tries(&t.owner, &new).await?.status, StatusCode::NOT_FOUND);
    t.platform.still_runs()
}
