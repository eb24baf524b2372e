//! Systems of others that ask people here: who sees and decides what they ask, and how they are told.

mod refusals;
mod telling;

use anyhow::{Context, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Asker, Story, id_of};
use testkit::console::{Answer, Console};

/// A project with an integration, a worker that calls back, and the system that asks.
async fn with_asker() -> Result<(Story, Asker, Value)> {
    let (mut t, asker, integration) = with_asker_alone().await?;
    t.platform.add_worker()?;
    Ok((t, asker, integration))
}

/// The same where nobody calls back.
async fn with_asker_alone() -> Result<(Story, Asker, Value)> {
    let t = Story::begin().await?;
    let added = add(&t, &t.owner, "Release bot", &["approval", "execution"]).await?.ok()?;
    let token = added["token"].as_str().context("no token")?;
    let asker = Asker::start(t.platform.integrations_url(), token).await?;
    Ok((t, asker, added["integration"].clone()))
}

async fn add(t: &Story, by: &Console, name: &str, asks: &[&str]) -> Result<Answer> {
    let new = json!({ "name": name, "asks": asks });
    by.call(Method::POST, &format!("projects/{}/integrations", t.project), &new).await
}

/// What the answer to an asking says, in the words of its format.
fn said(answer: &Answer) -> (u16, String) {
    let field = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
    let words = format!("{}{} {}{}", field("decision"), field("status"), field("reason"), field("result"));
    (answer.status.as_u16(), words)
}

fn pending() -> (u16, String) {
    (202, "pending queued".to_owned())
}

/// The newest open request that somebody sees.
async fn open(who: &Console) -> Result<Value> {
    let page = who.get("integration-requests?state=open").await?;
    Ok(page["items"][0].clone())
}

async fn request(t: &Story, id: &str) -> Result<Value> {
    t.owner.get(&format!("integration-requests/{id}")).await
}

async fn decide(who: &Console, id: &str, given: &Value) -> Result<Answer> {
    who.call(Method::POST, &format!("integration-requests/{id}/decision"), given).await
}

async fn answer(who: &Console, id: &str, given: &Value) -> Result<Answer> {
    who.call(Method::POST, &format!("integration-requests/{id}/answer"), given).await
}

/// Whether the other side knows, as the request shows it.
async fn told(t: &Story, id: &str, state: &str) -> Result<Value> {
    let mut last = Value::Null;
    let so = stories::until(state, async || {
        last = request(t, id).await?["told"].clone();
        Ok(last["state"] == state)
    });
    so.await.with_context(|| last.to_string())?;
    Ok(last)
}

async fn audited(t: &Story, kind: &str) -> Result<Vec<String>> {
    let sql = "SELECT actor FROM flow_events WHERE run_id IS NULL AND kind = $1 ORDER BY at, id";
    Ok(sqlx::query_scalar(sql).bind(kind).fetch_all(&t.platform.db).await?)
}

/// The object with other fields.
fn with(mut body: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn people_see_what_is_hidden_in_what_a_system_asks() -> Result<()> {
    let (mut t, asker, _) = with_asker_alone().await?;
    let hidden = json!({
        "tool": "de\u{200B}ploy", "arguments": { "image": "shop\u{202E}:1" }, "approval_request": "Release \u{2067}shop now",
        "links_to_code": [{ "text": "the\u{200F} change", "url": "https://git.example/shop" }],
    });
    assert_eq!(said(&asker.asks(&with(asker.approval("c-1"), &hidden)).await?), pending());
    let seen = open(&t.owner).await?;
    assert_eq!((&seen["tool"], &seen["links"][0]["text"]), (&json!("de⟪U+200B⟫ploy"), &json!("the⟪U+200F⟫ change")));
    assert_eq!(seen["approval_request"], "Release ⟪U+2067⟫shop now");
    assert!(seen["arguments"].as_str().is_some_and(|all| all.contains("shop⟪U+202E⟫:1")), "{seen}");
    assert_eq!(t.owner.get("notifications").await?["items"][0]["summary"], "Release ⟪U+2067⟫shop now");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_a_system_asks_stands_in_the_inbox_and_it_is_told_what_was_decided() -> Result<()> {
    let (mut t, asker, integration) = with_asker().await?;
    assert_eq!(integration["used_at"], Value::Null);
    let first = asker.asks(&asker.approval("c-1")).await?;
    assert_eq!((said(&first), &first.body["correlation_id"]), (pending(), &json!("c-1")));
    let seen = open(&t.owner).await?;
    for (field, expected) in [
        ("kind", "approval"),
        ("state", "requested"),
        ("integration", "Release bot"),
        ("correlation_id", "c-1"),
        ("project_name", "Acme"),
        ("tool", "deploy_production"),
        ("arguments", "{\n  \"force\": false,\n  \"version\": \"1.4.2\"\n}"),
        ("approval_request", "Deploy 1.4.2 to production."),
        ("justification", "The release was tested on staging."),
        ("risk_assessment", "Ten minutes of a slow shop."),
    ] {
        assert_eq!(seen[field], expected, "{field}");
    }
    assert_eq!(seen["links"], json!([{ "text": "PR 12", "url": "https://git.test/acme/app/pull/12" }]));
    assert_eq!(t.owner.get("approvals?state=open").await?["open"], 1);
    let notice = t.owner.get("notifications").await?["items"][0].clone();
    assert_eq!((&notice["kind"], &notice["integration"]), (&json!("outside"), &json!("Release bot")));
    assert_eq!((&notice["summary"], &notice["run_id"]), (&json!("Deploy 1.4.2 to production."), &Value::Null));
    assert_eq!((&notice["request_id"], &notice["read"]), (&seen["id"], &json!(false)));

    let id = id_of(&seen)?;
    let decided = decide(&t.owner, &id, &json!({ "decision": "approve" })).await?.ok()?;
    assert_eq!((&decided["state"], decided["decided_by"].is_string()), (&json!("approved"), true));
    let approve =
        json!({ "correlation_id": "c-1", "decision": "approve", "reason": "approved", "tool": "deploy_production" });
    assert_eq!(asker.told_times(1).await?, approve);
    told(&t, &id, "told").await?;
    assert_eq!(t.owner.get("approvals?state=open").await?["open"], 0);
    assert_eq!(t.owner.get("notifications").await?["items"][0]["read"], true);
    let history = t.owner.get(&format!("integration-requests?state=decided&project_id={}", t.project)).await?;
    assert_eq!(history["items"][0]["id"], seen["id"]);
    let listed = t.owner.get(&format!("projects/{}/integrations", t.project)).await?["items"][0].clone();
    assert!(listed["used_at"].is_string() && listed["open"] == 0 && listed["token"].is_null(), "{listed}");
    assert_eq!(audited(&t, "outside.asked").await?, ["integration:Release bot"]);
    assert!(audited(&t, "outside.decided").await?[0].starts_with("user:"));
    t.platform.still_runs()
}

#[tokio::test]
async fn who_denies_is_heard_in_their_own_words_and_questions_are_answered_either_way() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    for (times, (words, reason)) in (1..).zip([(Some("Not on a Friday."), "Not on a Friday."), (None, "denied")]) {
        asker.asks(&asker.approval(&format!("c-{times}"))).await?.ok()?;
        let id = id_of(&open(&t.owner).await?)?;
        assert_eq!(answer(&t.owner, &id, &json!({ "option": 0 })).await?.code(), "other_kind");
        let given = words.map_or(json!({ "decision": "deny" }), |words| json!({ "decision": "deny", "words": words }));
        assert_eq!(decide(&t.owner, &id, &given).await?.ok()?["state"], "denied");
        let heard = asker.told_times(times).await?;
        assert_eq!((&heard["decision"], &heard["reason"]), (&json!("deny"), &json!(reason)));
    }
    let option = json!({ "question": "Which database is it?", "selected_option": "SQLite", "selected_index": 1,
                         "custom": false, "input_mode": "button" });
    let own = json!({ "question": "Which database is it?", "selected_option": "MySQL, as ever", "selected_index": null,
                      "custom": true, "input_mode": "text" });
    for (times, (given, result)) in
        (3..).zip([(json!({ "option": 1 }), option), (json!({ "text": " MySQL, as ever " }), own)])
    {
        assert_eq!(said(&asker.asks(&asker.execution(&format!("e-{times}"))).await?), pending());
        let seen = open(&t.owner).await?;
        let id = id_of(&seen)?;
        assert_eq!((&seen["kind"], &seen["options"]), (&json!("execution"), &json!(["PostgreSQL", "SQLite"])));
        assert_eq!((&seen["question"], &seen["allow_custom"]), (&json!("Which database is it?"), &json!(true)));
        assert_eq!(decide(&t.owner, &id, &json!({ "decision": "approve" })).await?.code(), "other_kind");
        assert_eq!(answer(&t.owner, &id, &json!({ "option": 2 })).await?.code(), "no_answer");
        assert_eq!(answer(&t.owner, &id, &given).await?.ok()?["state"], "answered");
        let expected = json!({ "correlation_id": format!("e-{times}"), "status": "success",
                               "tool": "telegram_request_feedback", "result": result });
        assert_eq!(asker.told_times(times).await?, expected);
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn what_nobody_decides_in_time_or_for_a_withdrawn_integration_is_told_as_a_timeout() -> Result<()> {
    let (mut t, asker, integration) = with_asker().await?;
    let late = "UPDATE integration_requests SET expires_at = app_now() - interval '1 second'";
    for (times, (body, expected)) in (1..).zip([
        (asker.approval("c-1"), json!({ "correlation_id": "c-1", "decision": "error", "reason": "approval timeout", "tool": "deploy_production" })),
        (asker.execution("e-1"), json!({ "correlation_id": "e-1", "status": "error", "result": "execution timeout", "tool": "telegram_request_feedback" })),
    ]) {
        asker.asks(&body).await?.ok()?;
        // Its own clock began before ours: it has given up already, and knows what it is told.
        asker.forgets();
        let id = id_of(&open(&t.owner).await?)?;
        sqlx::query(late).execute(&t.platform.db).await?;
        assert_eq!(asker.told_times(times).await?, expected);
        told(&t, &id, "told").await?;
        assert_eq!(request(&t, &id).await?["state"], "expired");
        let given = if times == 1 { json!({ "decision": "approve" }) } else { json!({ "option": 0 }) };
        let tried = if times == 1 { decide(&t.owner, &id, &given).await? } else { answer(&t.owner, &id, &given).await? };
        assert_eq!((tried.status, tried.code()), (StatusCode::CONFLICT, "already_decided"));
    }
    asker.asks(&asker.approval("c-2")).await?.ok()?;
    let id = id_of(&open(&t.owner).await?)?;
    let path = format!("integrations/{}", id_of(&integration)?);
    assert_eq!(t.owner.call(Method::DELETE, &path, &Value::Null).await?.status.as_u16(), 204);
    assert_eq!(decide(&t.owner, &id, &json!({ "decision": "approve" })).await?.code(), "already_decided");
    assert_eq!(asker.told_times(3).await?["reason"], "approval timeout");
    assert_eq!(asker.asks(&asker.approval("c-3")).await?.code(), "token_refused");
    assert_eq!(audited(&t, "outside.expired").await?.len(), 3);
    assert_eq!(t.owner.get("approvals?state=open").await?["open"], 0);
    t.platform.still_runs()
}

#[tokio::test]
async fn the_same_id_asks_the_same_once() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    let (body, again) = (asker.approval("x-1"), asker.approval("x-1"));
    let (first, second) = tokio::join!(asker.asks(&body), asker.asks(&again));
    assert_eq!((said(&first?), said(&second?)), (pending(), pending()));
    let other = with(asker.approval("x-1"), &json!({ "arguments": { "version": "6.6.6" } }));
    let taken = asker.asks(&other).await?;
    assert_eq!(said(&taken), (202, "error approval already exists".to_owned()));
    assert_eq!(taken.body["correlation_id"], "x-1");
    // A question under the same id is another one.
    assert_eq!(said(&asker.asks(&asker.execution("x-1")).await?), pending());
    let other = with(asker.execution("x-1"), &json!({ "timeout_sec": 60 }));
    assert_eq!(said(&asker.asks(&other).await?), (202, "error execution already exists".to_owned()));
    assert_eq!(t.owner.get("integration-requests?state=open").await?["items"].as_array().map(Vec::len), Some(2));
    // And so is what another integration asks.
    let added = add(&t, &t.owner, "Another bot", &["approval"]).await?.ok()?;
    let another = Asker::start(t.platform.integrations_url(), added["token"].as_str().unwrap_or_default()).await?;
    assert_eq!(said(&another.asks(&another.approval("x-1")).await?), pending());
    let page = t.owner.get("integration-requests?limit=2").await?;
    let cursor = page["next_cursor"].as_str().context("no second page")?;
    let rest = t.owner.get(&format!("integration-requests?limit=2&cursor={cursor}")).await?;
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next_cursor"]), (Some(1), &Value::Null));
    t.platform.still_runs()
}

#[tokio::test]
async fn two_people_at_once_decide_once() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    t.add_member("stranger", "admin").await?;
    let second = t.console_of("stranger").await?;
    for times in 1..=5 {
        asker.asks(&asker.approval(&format!("c-{times}"))).await?.ok()?;
        let id = id_of(&open(&second).await?)?;
        let (approve, deny) = (json!({ "decision": "approve" }), json!({ "decision": "deny", "words": "No." }));
        let (one, other) = tokio::join!(decide(&t.owner, &id, &approve), decide(&second, &id, &deny));
        let (one, other) = (one?, other?);
        let statuses = [one.status.as_u16(), other.status.as_u16()];
        assert!(statuses == [200, 409] || statuses == [409, 200], "{statuses:?}");
        let (counted, late) = if statuses[0] == 200 { (one, other) } else { (other, one) };
        let how = if counted.body["state"] == "approved" { "approved" } else { "denied" };
        let title = late.body["title"].as_str().unwrap_or_default().to_owned();
        assert!(late.code() == "already_decided" && title.ends_with(&format!("has {how} it already")), "{title}");
        let heard = asker.told_times(times).await?;
        assert_eq!(heard["decision"], if how == "approved" { "approve" } else { "deny" });
    }
    assert_eq!(audited(&t, "outside.decided").await?.len(), 5);
    assert_eq!(asker.told().len(), 5);
    t.platform.still_runs()
}
