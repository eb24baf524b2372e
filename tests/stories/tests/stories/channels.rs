//! People asked through services of others: what these are sent, what they answer at once and later, and who decides.

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
    // The message of the second try was sent after all, and somebody presses its button.
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

#[tokio::test]
async fn a_channel_hears_what_those_at_its_end_may_decide_and_nothing_when_it_is_silenced() -> Result<()> {
    let (mut t, service, channel) = with_channel("approver", &json!({ "speaks_for": "delegated" })).await?;
    let pod = working(&mut t).await?;
    let strict = asks_leave(&pod).await?;
    let question = asks(&pod, true).await?;
    for id in [&strict, &question] {
        assert_eq!(request(&t, id).await?["channels"], Value::Null, "leave takes an owner, and it is no executor");
    }
    let channel = change(&t.owner, &channel, &json!({ "speaks_for": "owner" })).await?.ok()?;
    let later = pod.tool("github_labels_add", &json!({ "labels": ["area:api"] })).await?;
    let later = later["request_id"].as_str().context("no request")?.to_owned();
    let asked = service.asked_times(1).await?;
    in_channel(&t, &later, "asked").await?;
    let listed = t.owner.get(&format!("projects/{}/channels", t.project)).await?;
    assert_eq!((&listed["items"][0]["open"], &listed["items"][0]["last"]["state"]), (&json!(1), &json!("asked")));
    let channel = change(&t.owner, &channel, &json!({ "enabled": false })).await?.ok()?;
    in_channel(&t, &later, "withdrawn").await?;
    heard(
        &service.calls_back(&asked, &json!({ "decision": "approve", "reason": "approved" })).await?,
        "already resolved",
    );
    assert_eq!(request(&t, &later).await?["state"], "requested");
    change(&t.owner, &channel, &json!({ "enabled": true, "url": "http://metadata.tools.svc:80" })).await?.ok()?;
    let nowhere = pod.tool("github_labels_add", &json!({ "labels": ["area:cli"] })).await?;
    let nowhere = nowhere["request_id"].as_str().context("no request")?.to_owned();
    stories::until("refused", async || {
        let trouble = request(&t, &nowhere).await?["channels"][0]["trouble"].clone();
        Ok(trouble.as_str().is_some_and(|words| words.contains("169.254.169.254") && words.contains("link-local")))
    })
    .await?;
    assert_eq!(service.asked().len(), 1);
    t.platform.still_runs()
}

#[tokio::test]
async fn who_manages_the_project_sets_channels_up_and_nobody_else() -> Result<()> {
    let mut t = Story::begin().await?;
    let good = "http://approver.tools.svc:8080";
    let channel = add(&t, &t.owner, "approver", good, &json!({})).await?.ok()?;
    let facts = (&channel["speaks_for"], &channel["timeout_seconds"], &channel["enabled"], &channel["url"]);
    assert_eq!(facts, (&json!("owner"), &json!(3600), &json!(true), &json!(good)));
    assert_eq!(add(&t, &t.owner, "approver", good, &json!({ "name": "TEAM CHAT" })).await?.code(), "channel_exists");
    for url in [
        "http://api-gateway.codex-k8s.svc:8083",
        "http://kubernetes.default.svc",
        "http://kube-dns.kube-system.svc:53",
        "http://169.254.169.254/latest",
        "http://localhost:8080",
        "http://approver.example.com",
        "https://metadata.google.internal",
    ] {
        let refused = add(&t, &t.owner, "approver", url, &json!({ "name": "Other" })).await?;
        assert_eq!((refused.status.as_u16(), refused.code()), (422, "no_place_for_a_channel"), "{url}");
    }
    for url in
        ["ftp://approver.tools.svc", "http://me:secret@approver.tools.svc", "http://approver.tools.svc?x=1", "approver"]
    {
        assert_eq!(
            add(&t, &t.owner, "approver", url, &json!({ "name": "Other" })).await?.code(),
            "invalid_request",
            "{url}"
        );
    }
    let delegated = json!({ "name": "Other", "speaks_for": "delegated" });
    assert_eq!(add(&t, &t.owner, "executor", good, &delegated).await?.code(), "executor_speaks_for_owner");

    let (writer, reader) = (t.console_of("writer").await?, t.console_of("reader").await?);
    t.add_user("stranger").await?;
    let stranger = t.console_of("stranger").await?;
    let (list, one) = (format!("projects/{}/channels", t.project), format!("channels/{}", id_of(&channel)?));
    for (who, status) in [(&writer, 403), (&reader, 403), (&stranger, 404)] {
        assert_eq!(add(&t, who, "approver", good, &json!({ "name": "Other" })).await?.status.as_u16(), status);
        assert_eq!(change(who, &channel, &json!({ "enabled": false })).await?.status.as_u16(), status);
        assert_eq!(who.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), status);
        let looked = who.call(Method::GET, &list, &Value::Null).await?.status.as_u16();
        assert_eq!(looked, if status == 404 { 404 } else { 200 });
    }
    let changed = change(&t.owner, &channel, &json!({ "name": "On call", "locale": "ru" })).await?.ok()?;
    assert_eq!(
        (&changed["name"], &changed["locale"], &changed["version"]),
        (&json!("On call"), &json!("ru"), &json!(2))
    );
    assert_eq!(change(&t.owner, &channel, &json!({ "enabled": false })).await?.code(), "version_changed");
    assert_eq!(t.owner.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), 204);
    assert_eq!(t.owner.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), 404);
    assert_eq!(t.owner.get(&list).await?["items"], json!([]));
    let sql = "SELECT kind FROM flow_events WHERE run_id IS NULL AND kind LIKE 'channel.%' ORDER BY at, id";
    let audit: Vec<String> = sqlx::query_scalar(sql).fetch_all(&t.platform.db).await?;
    assert_eq!(audit, ["channel.added", "channel.changed", "channel.removed"]);
    t.platform.still_runs()
}
