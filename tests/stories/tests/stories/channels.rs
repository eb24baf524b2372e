//! People asked through services of others: what these are sent, and how often. What they answer ([`answers`]), who sets
//! them up ([`setup`]) and how they are tested ([`trials`]) stand below.

mod answers;
mod setup;
mod trials;

use anyhow::{Context, Result, ensure};
use domain::flow::FlowKind;
use domain::ids::RunId;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Instead, Pod, Service, Story, id_of};
use testkit::console::{Answer, Console};

/// A project with a channel.
pub(crate) async fn with_channel(kind: &str, more: &Value) -> Result<(Story, Service, Value)> {
    let (t, service) = (Story::begin().await?, Service::start().await?);
    let channel = add(&t, &t.owner, kind, &service.url(), more).await?.ok()?;
    Ok((t, service, channel))
}

pub(crate) async fn add(t: &Story, by: &Console, kind: &str, url: &str, more: &Value) -> Result<Answer> {
    let mut new = json!({ "kind": kind, "name": "Team chat", "url": url });
    for (name, value) in more.as_object().into_iter().flatten() {
        new[name] = value.clone();
    }
    by.call(Method::POST, &format!("projects/{}/channels", t.project), &new).await
}

pub(crate) async fn change(by: &Console, channel: &Value, to: &Value) -> Result<Answer> {
    let (path, version) = (format!("channels/{}", id_of(channel)?), format!("\"{}\"", channel["version"]));
    by.call_with(Method::PATCH, &path, &[("if-match", &version)], to).await
}

/// A run of the writer's, and its pod; and a worker, which asks through channels and does what was approved.
pub(crate) async fn working(t: &mut Story) -> Result<Pod> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(t).await?;
    t.platform.add_worker()?;
    Ok(pod)
}

/// The agent asks for leave to put a label on.
pub(crate) async fn asks_leave(pod: &Pod) -> Result<String> {
    let area = json!({ "labels": ["area:ui"], "why": "It is about the interface." });
    let told = pod.tool("github_labels_add", &area).await?;
    ensure!(told["status"] == "approval_required", "{told}");
    Ok(told["request_id"].as_str().context("no request")?.to_owned())
}

/// The agent asks a question.
pub(crate) async fn asks(pod: &Pod, allow_custom: bool) -> Result<String> {
    let question = json!({ "question": "Which database is it?", "options": ["PostgreSQL", "SQLite"], "allow_custom": allow_custom });
    let told = pod.tool("owner_feedback_request", &question).await?;
    ensure!(told["status"] == "approval_required", "{told}");
    Ok(told["request_id"].as_str().context("no request")?.to_owned())
}

pub(crate) async fn request(t: &Story, id: &str) -> Result<Value> {
    t.owner.get(&format!("approvals/{id}")).await
}

/// How the channel is asked about a request, when it is so.
pub(crate) async fn in_channel(t: &Story, id: &str, state: &str) -> Result<Value> {
    let mut last = Value::Null;
    let so = stories::until(state, async || {
        last = request(t, id).await?["channels"][0].clone();
        Ok(last["state"] == state)
    });
    so.await.with_context(|| last.to_string())?;
    Ok(last)
}

async fn decide(who: &Console, request: &Value, decision: &str) -> Result<Answer> {
    let path = format!("approvals/{}/decision", id_of(request)?);
    who.call(Method::POST, &path, &json!({ "decision": decision, "digest": request["action"]["digest"] })).await
}

async fn audited(t: &Story, run: RunId, kind: FlowKind) -> Result<Vec<String>> {
    let sql = "SELECT actor FROM flow_events WHERE run_id = $1 AND kind = $2";
    Ok(sqlx::query_scalar(sql).bind(run.0).bind(kind.as_str()).fetch_all(&t.platform.db).await?)
}

/// Nobody waits between two tries.
async fn hurry(t: &Story) -> Result<()> {
    sqlx::query("UPDATE channel_requests SET not_before = app_now() WHERE state = 'queued'")
        .execute(&t.platform.db)
        .await?;
    Ok(())
}

pub(crate) fn heard(answer: &Answer, status: &str) {
    assert_eq!((answer.status, &answer.body["status"]), (StatusCode::OK, &json!(status)), "{}", answer.body);
}

#[tokio::test]
async fn an_approver_is_asked_in_its_format_and_its_word_counts_once() -> Result<()> {
    let (mut t, service, _) = with_channel("approver", &json!({ "timeout_seconds": 600 })).await?;
    let pod = working(&mut t).await?;
    let id = asks_leave(&pod).await?;
    let asked = service.asked_times(1).await?;
    assert_eq!((&asked["tool"], &asked["arguments"]), (&json!("github_labels_add"), &json!({})));
    assert_eq!((&asked["lang"], &asked["timeout_sec"]), (&json!("en"), &json!(600)));
    let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    assert!(text("approval_request").contains("area:ui") && text("approval_request").contains("Add dark mode"));
    assert!(
        text("justification").contains("It is about the interface.") && text("risk_assessment").contains("Low risk")
    );
    assert!(asked["links_to_code"][0]["url"].as_str().is_some_and(|url| url.ends_with(&format!("/inbox/{id}"))));
    in_channel(&t, &id, "asked").await?;

    let approve = json!({ "decision": "approve", "reason": "approved" });
    heard(&service.calls_back(&asked, &approve).await?, "ok");
    stories::until("done", async || Ok(request(&t, &id).await?["state"] == "applied")).await?;
    let seen = request(&t, &id).await?;
    assert_eq!((&seen["decided_through"], &seen["decided_by"]), (&json!("Team chat"), &Value::Null));
    assert_eq!(seen["channels"][0]["state"], "answered");
    for said in [&approve, &json!({ "decision": "deny", "reason": "too late" })] {
        heard(&service.calls_back(&asked, said).await?, "already resolved");
    }
    let late = decide(&t.owner, &seen, "deny").await?;
    let title = late.body["title"].as_str().unwrap_or_default();
    assert!(late.status == StatusCode::CONFLICT && title.contains("Team chat has approved it already"), "{title}");
    assert_eq!(audited(&t, pod.lease.run, FlowKind::RequestApproved).await?, ["channel:Team chat"]);
    assert_eq!(store::flow::first_break(&t.platform.db, pod.lease.run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn each_try_has_an_id_of_its_own_and_an_answer_to_any_of_them_counts() -> Result<()> {
    let (mut t, service, _) = with_channel("approver", &json!({})).await?;
    let troubles = [
        (Instead::Says(202, r#"{"decision":"error","reason":"approval already exists"}"#), "it knows this id already"),
        (
            Instead::Says(202, r#"{"decision":"error","reason":"failed to send telegram message"}"#),
            "failed to send telegram message",
        ),
        (Instead::Says(500, r#"{"decision":"error","reason":"approval failed"}"#), "approval failed"),
        (Instead::Says(202, "{\"decision\": pend"), "without a decision"),
        (Instead::Nothing, "did not answer in time"),
    ];
    for (instead, _) in &troubles {
        service.answers(instead.clone());
    }
    let pod = working(&mut t).await?;
    let id = asks_leave(&pod).await?;
    for (times, (_, words)) in (1..).zip(&troubles) {
        service.asked_times(times).await?;
        stories::until(words, async || {
            let trouble = request(&t, &id).await?["channels"][0]["trouble"].clone();
            Ok(trouble.as_str().is_some_and(|trouble| trouble.contains(words)))
        })
        .await?;
        hurry(&t).await?;
    }
    let state = in_channel(&t, &id, "asked").await?;
    assert_eq!(state["trouble"], Value::Null);
    let asked = service.asked();
    let differ = |of: &dyn Fn(&Value) -> String| asked.iter().map(of).collect::<std::collections::HashSet<_>>().len();
    assert_eq!((asked.len(), differ(&|one| one["correlation_id"].to_string())), (6, 6));
    assert_eq!(differ(&|one| one["callback"]["url"].to_string()), 6);
    // The message of the second try was sent after all: its end there ends nothing, but somebody presses a button of it.
    let over = json!({ "decision": "error", "reason": "approval timeout" });
    heard(&service.calls_back(&asked[1], &over).await?, "already resolved");
    assert_eq!(request(&t, &id).await?["channels"][0]["state"], "asked");
    heard(&service.calls_back(&asked[1], &json!({ "decision": "deny", "reason": "denied" })).await?, "ok");
    heard(
        &service.calls_back(&asked[5], &json!({ "decision": "approve", "reason": "approved" })).await?,
        "already resolved",
    );
    let seen = request(&t, &id).await?;
    assert_eq!((&seen["state"], &seen["answer"]), (&json!("denied"), &Value::Null));
    t.platform.still_runs()
}

#[tokio::test]
async fn who_refuses_or_never_takes_it_is_given_up() -> Result<()> {
    let (mut t, service, _) = with_channel("approver", &json!({})).await?;
    let pod = working(&mut t).await?;
    service.answers(Instead::Says(400, r#"{"decision":"error","reason":"markup must be markdown or html"}"#));
    let refused = asks_leave(&pod).await?;
    assert_eq!(in_channel(&t, &refused, "failed").await?["trouble"], "markup must be markdown or html");
    decide(&t.owner, &request(&t, &refused).await?, "deny").await?.ok()?;

    service.answers(Instead::Leads("http://api-gateway.codex-k8s.svc:8080/"));
    let leads = json!({ "labels": ["area:api"], "why": "It is about the interface." });
    let leads = pod.tool("github_labels_add", &leads).await?["request_id"].as_str().context("no request")?.to_owned();
    let trouble = in_channel(&t, &leads, "failed").await?["trouble"].clone();
    assert!(trouble.as_str().is_some_and(|words| words.contains("redirects are not followed")), "{trouble}");
    decide(&t.owner, &request(&t, &leads).await?, "deny").await?.ok()?;

    // An id that stays taken, however often it is another.
    let taken = r#"{"decision":"error","reason":"approval already exists"}"#;
    (0..domain::channels::MOST_TRIES).for_each(|_| service.answers(Instead::Says(202, taken)));
    let stays = json!({ "labels": ["area:cli"], "why": "It is about the interface." });
    let stays = pod.tool("github_labels_add", &stays).await?["request_id"].as_str().context("no request")?.to_owned();
    stories::until("given up", async || {
        hurry(&t).await?;
        Ok(request(&t, &stays).await?["channels"][0]["state"] == "failed")
    })
    .await?;
    assert_eq!(service.asked().len(), 10);
    assert_eq!(request(&t, &stays).await?["state"], "requested");
    t.platform.still_runs()
}
