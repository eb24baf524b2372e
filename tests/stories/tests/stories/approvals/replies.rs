//! What agents ask, answered by comments on the issue or the run's pull request.

use anyhow::{Context, Result};
use chrono::Utc;
use http::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use stories::{Delivery, Pod, Story, WEBHOOK_SECRETS, labelled};

use crate::reviews::{handed_in, review};

/// Two questions of a run of the writer's that waits for both, and its issue.
async fn waiting(t: &Story) -> Result<(Pod, u64)> {
    let issue = t.open_issue("Keep what was said").await?;
    t.label("writer", issue, "run:dev").await?;
    Ok((asking(t).await?, issue))
}

/// The run that waits for a worker is launched, and asks two questions.
async fn asking(t: &Story) -> Result<Pod> {
    let pod = Pod::launch(t).await?;
    let options = json!(["PostgreSQL", "SQLite"]);
    for (question, own) in [("Which database is it?", false), ("Where is it to run?", true)] {
        let asked = json!({ "question": question, "options": options, "allow_custom": own });
        let told = pod.tool("owner_feedback_request", &asked).await?;
        anyhow::ensure!(told["status"] == "approval_required", "{told}");
    }
    Ok(pod)
}

/// A comment of somebody whom the repository does not know, as GitHub would deliver it where it is public.
async fn says(t: &Story, issue: u64, id: u64, kind: &str, body: &str) -> Result<()> {
    let sender = json!({ "id": 77_001, "login": "somebody", "type": kind });
    sends(t, id, commented(t, issue, body, sender).await?).await
}

/// A comment on a pull request, which GitHub delivers like one on an issue.
async fn says_on_pull(t: &Story, pull: u64, id: u64, person: &str, body: &str) -> Result<()> {
    let person = t.github.person(person)?;
    let sender = json!({ "id": person.id, "login": person.login, "type": "User" });
    let mut payload = commented(t, pull, body, sender).await?;
    payload["issue"]["pull_request"] = json!({ "url": format!("http://github.test/pulls/{pull}") });
    sends(t, id, payload).await
}

async fn commented(t: &Story, number: u64, body: &str, sender: Value) -> Result<Value> {
    let now = Utc::now();
    let mut payload = labelled(t, number, "bug", &now.to_rfc3339()).await?;
    payload["action"] = json!("created");
    payload["comment"] = json!({ "body": body, "created_at": now, "updated_at": now });
    payload["sender"] = sender;
    Ok(payload)
}

async fn sends(t: &Story, id: u64, mut payload: Value) -> Result<()> {
    payload["comment"]["id"] = json!(id);
    payload["comment"]["html_url"] = json!(format!("http://github.test/comments/{id}"));
    let guid = format!("said-{id}");
    let sent = Delivery::signed("issue_comment", &guid, payload.to_string().into_bytes(), WEBHOOK_SECRETS[0]);
    anyhow::ensure!(sent.send(t).await?.status.is_success(), "not taken in");
    Ok(())
}

/// What the ledger says of the newest comment: decision, reason, and whether it names a run.
async fn newest(t: &Story) -> Result<(String, Option<String>, bool)> {
    let sql = "SELECT decision, reason, run_id IS NOT NULL FROM webhook_deliveries WHERE event = 'issue_comment'
               ORDER BY received_at DESC, id DESC LIMIT 1";
    Ok(sqlx::query_as(sql).fetch_one(&t.platform.db).await?)
}

async fn ledger(t: &Story, decision: &str, reason: &str, named: bool) -> Result<()> {
    let expected = (decision.to_owned(), Some(reason.to_owned()), named);
    let told = newest(t).await?;
    anyhow::ensure!(told == expected, "{told:?}");
    Ok(())
}

/// Reasons of the comments that are to tell people why nothing came of theirs, and the thumbs.
async fn told(t: &Story) -> Result<Vec<String>> {
    let sql = "SELECT COALESCE(payload ->> 'reason', payload ->> 'content') FROM outbound_actions
               WHERE kind IN ('refusal_comment', 'reaction') ORDER BY created_at, id";
    Ok(sqlx::query_scalar(sql).fetch_all(&t.platform.db).await?)
}

async fn states(t: &Story) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT state FROM approvals ORDER BY number").fetch_all(&t.platform.db).await?)
}

#[tokio::test]
async fn who_started_the_run_answers_on_its_issue_and_others_are_told_why_not() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, issue) = waiting(&t).await?;
    let run = pod.lease.run;
    pod.wait(&t).await?;

    t.comment("writer", issue, "I'd say both are fine, let me think").await?;
    ledger(&t, "ignored", "event_not_handled", false).await?;
    t.comment("reader", issue, "Q1 2").await?;
    ledger(&t, "ignored", "answer_not_permitted", false).await?;
    for (id, kind, reason) in [
        (901, "User", "answer_not_permitted"),
        (902, "User", "answer_not_permitted"),
        (903, "Bot", "sender_type_not_permitted"),
    ] {
        says(&t, issue, id, kind, "Q1 2").await?;
        ledger(&t, "ignored", reason, false).await?;
    }
    t.comment("bot", issue, "Q1 2").await?;
    ledger(&t, "ignored", "own_action", false).await?;
    for unclear in ["2", "Q1: MySQL", "Q1 2\nQ7 1"] {
        t.comment("writer", issue, unclear).await?;
        ledger(&t, "ignored", "answer_unclear", false).await?;
    }
    assert_eq!(states(&t).await?, ["requested", "requested"]);
    let once_each = ["answer_not_permitted", "answer_not_permitted"];
    let every_time = ["answer_unclear"; 3];
    assert_eq!(told(&t).await?, [once_each.as_slice(), every_time.as_slice()].concat());

    t.comment("writer", issue, "Q1 2").await?;
    ledger(&t, "effected", "question_answered", true).await?;
    assert_eq!(states(&t).await?, ["answered", "requested"]);
    // With one open, its words or its number are enough; and the owner may as well.
    t.comment("owner", issue, "> **Q2** · Where is it to run?\n\nOn the small server, as ever").await?;
    ledger(&t, "effected", "question_answered", true).await?;
    assert_eq!(told(&t).await?[5..], ["+1", "+1"]);
    t.comment("writer", issue, "1").await?;
    ledger(&t, "ignored", "event_not_handled", false).await?;

    assert_eq!(t.owner.get(&format!("runs/{run}")).await?["status"], "pending");
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let answers = context["answers"].as_str().context("no answers")?;
    assert!(answers.contains("SQLite") && answers.contains("On the small server, as ever"), "{answers}");
    assert_eq!(store::flow::first_break(&t.platform.db, run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn the_runs_own_pull_request_takes_answers_by_the_same_rule() -> Result<()> {
    let mut t = Story::begin().await?;
    let (work, other) = (handed_in(&t, "run:dev").await?, handed_in(&t, "run:dev").await?);
    review(&t, "writer", work.pull, "REQUEST_CHANGES", "Say why in the README.").await?;
    let pod = asking(&t).await?;
    let run = pod.lease.run;
    pod.wait(&t).await?;

    for (id, person, body, reason) in [
        (911, "writer", "I'd say both are fine, let me think", "event_not_handled"),
        (912, "reader", "Q1 2", "answer_not_permitted"),
        (913, "bot", "Q1 2", "own_action"),
        (914, "writer", "Q1: MySQL", "answer_unclear"),
    ] {
        says_on_pull(&t, work.pull, id, person, body).await?;
        ledger(&t, "ignored", reason, false).await?;
    }
    says_on_pull(&t, other.pull, 915, "writer", "Q1 2").await?;
    ledger(&t, "ignored", "event_not_handled", false).await?;
    assert_eq!(states(&t).await?, ["requested", "requested"]);

    says_on_pull(&t, work.pull, 916, "writer", "Q1 2").await?;
    ledger(&t, "effected", "question_answered", true).await?;
    assert_eq!(states(&t).await?, ["answered", "requested"]);
    assert_eq!(told(&t).await?, ["answer_not_permitted", "answer_unclear", "+1"]);
    let sql = "SELECT DISTINCT subject_number FROM outbound_actions WHERE kind IN ('refusal_comment', 'reaction')";
    let where_told: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&t.platform.db).await?;
    assert_eq!(where_told, [i64::try_from(work.pull)?], "people are told where they wrote");
    // The issue takes answers as ever.
    t.comment("owner", work.issue, "Q2: on the small server").await?;
    ledger(&t, "effected", "question_answered", true).await?;
    assert_eq!(t.owner.get(&format!("runs/{run}")).await?["status"], "pending");
    assert_eq!(store::flow::first_break(&t.platform.db, run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn an_answer_that_lost_the_race_changes_nothing_and_says_so() -> Result<()> {
    let mut t = Story::begin().await?;
    let (_pod, issue) = waiting(&t).await?;
    // The console's answer is in the making while the comment comes: it holds the run's row until the comment waits there.
    let mut connection = t.platform.db.acquire().await?;
    let mut console = connection.begin().await?;
    sqlx::query("SELECT FROM agent_runs FOR UPDATE").execute(&mut *console).await?;
    let late = async {
        t.comment("writer", issue, "Q1 2\nQ2 1").await?;
        ledger(&t, "ignored", "answer_late", false).await
    };
    let first = async {
        stories::until("the comment at the run's row", async || {
            let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock')";
            Ok(sqlx::query_scalar::<_, bool>(sql).fetch_one(&t.platform.db).await?)
        })
        .await?;
        let sql = r#"UPDATE approvals SET state = 'answered', decided_at = app_now(), answer = '{"text": "neither"}'"#;
        sqlx::query(sql).execute(&mut *console).await?;
        console.commit().await?;
        anyhow::Ok(())
    };
    let (late, first) = tokio::join!(late, first);
    late.and(first)?;
    let sql = "SELECT DISTINCT answer ->> 'text' FROM approvals";
    assert_eq!(sqlx::query_scalar::<_, String>(sql).fetch_all(&t.platform.db).await?, ["neither"]);
    assert_eq!(told(&t).await?, ["answer_late"]);
    t.platform.still_runs()
}
