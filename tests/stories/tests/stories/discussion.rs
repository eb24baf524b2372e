//! `mode:discussion`: what people say on an issue is answered, a run a turn, in one session.

use anyhow::{Context, Result};
use chrono::Utc;
use domain::labels::DISCUSSION;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Delivery, Pod, Story, WEBHOOK_SECRETS};

const SESSION: &str = "0192f0c1-2222-7333-8444-0123456789ab";
const PATH: &str = "sessions/2026/11/22/rollout-2026-11-22T03-12-24-0192f0c1.jsonl";

/// An issue on which people may talk.
async fn talking(t: &Story) -> Result<u64> {
    let issue = t.open_issue("The page is slow").await?;
    t.label("writer", issue, DISCUSSION).await?;
    assert!(!t.starts_a_turn().await?, "a comment begins it");
    Ok(issue)
}

/// The agent keeps its session and answers.
async fn answered(t: &Story, pod: Pod, words: &str) -> Result<()> {
    let keeping = format!("session?path={PATH}&session_id={SESSION}");
    assert_eq!(pod.keep(&keeping, 1, b"what was said so far").await?, StatusCode::NO_CONTENT);
    pod.answer(t, words).await
}

/// A turn from its start to the pod.
async fn turn(t: &Story) -> Result<(Pod, Value)> {
    assert!(t.starts_a_turn().await?, "nobody waits");
    let pod = Pod::launch(t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    Ok((pod, context))
}

/// What is to reach GitHub: eyes on comments, and answers.
async fn wishes(t: &Story) -> Result<Vec<String>> {
    let sql = "SELECT kind || COALESCE(' ' || (payload ->> 'content'), '') FROM outbound_actions
               WHERE kind IN ('reaction', 'answer_comment', 'service_comment') ORDER BY created_at, id";
    Ok(sqlx::query_scalar(sql).fetch_all(&t.platform.db).await?)
}

async fn shift_clock(t: &Story, hours: i32) -> Result<()> {
    let sql = "UPDATE clock_shift SET shift = shift + make_interval(hours => $1)";
    sqlx::query(sql).bind(hours).execute(&t.platform.db).await?;
    Ok(())
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test]
async fn a_comment_is_answered_and_the_next_one_goes_on_in_the_same_session() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = talking(&t).await?;
    t.comment("writer", issue, "Which query is the slow one?").await?;
    let (pod, context) = turn(&t).await?;
    assert_eq!((&context["work"], &context["resume"]), (&json!("discussion"), &Value::Null));
    assert!(context["output_schema"]["properties"]["answer"].is_object(), "{}", context["output_schema"]);
    let prompt = text(&context, "/prompt");
    assert!(prompt.contains("Which query is the slow one?") && prompt.contains("`run:plan`"), "{prompt}");
    let token = vault::RunToken::parse(pod.token()).context("no token")?.hash();
    let grant = store::tokens::verify(&t.platform.db, &token).await?;
    assert!(grant.context("no grant")?.only_reads, "it may write nothing");

    t.comment("writer", issue, "And who calls it?").await?;
    assert!(!t.starts_a_turn().await?, "one turn at a time");
    answered(&t, pod, "The one in `src/a.rs:3`.").await?;
    assert_eq!(wishes(&t).await?, ["reaction eyes", "reaction eyes", "answer_comment"]);

    let (pod, context) = turn(&t).await?;
    assert_eq!(text(&context, "/resume/session_id"), SESSION);
    assert_eq!(pod.fetch("session").await?, b"what was said so far");
    let message = text(&context, "/resume/message");
    assert!(message.contains("And who calls it?") && !message.contains("Which query"), "{message}");
    let whole = text(&context, "/prompt");
    assert!(whole.contains("And who calls it?") && whole.contains("Which query is the slow one?"), "{whole}");
    let run = pod.lease.run;
    answered(&t, pod, "Everybody.").await?;
    assert_eq!(t.runs().await?, ["#1 succeeded", "#1 succeeded"]);

    let told = t.owner.get(&format!("runs/{run}/conversation")).await?;
    let turns = told["turns"].as_array().context("no turns")?;
    let lines: Vec<_> =
        turns.iter().map(|turn| format!("{} → {}", text(turn, "/comments/0/text"), text(turn, "/answer"))).collect();
    assert_eq!(lines, ["Which query is the slow one? → The one in `src/a.rs:3`.", "And who calls it? → Everybody."]);
    let parts = t.owner.get(&format!("runs/{run}/prompt")).await?;
    let afresh =
        |name: &str| parts["segments"].as_array().into_iter().flatten().find(|one| one["name"] == name).cloned();
    assert_eq!(afresh("task-discussion").context("no task")?["only_afresh"], true);
    assert_eq!(afresh("discussion-new").context("nothing new")?["only_afresh"], false);
    assert_eq!(t.owner.get(&format!("runs/{run}/next-steps")).await?["items"], json!([]));
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled mode:discussion → ignored not_trigger_label
    issue_comment.created → effected comment_heard
    issue_comment.created → effected comment_heard
    ");
    t.platform.still_runs()
}

#[tokio::test]
async fn who_talks_has_no_tool_for_comments_beside_the_talk() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = talking(&t).await?;
    t.comment("writer", issue, "Which query is the slow one?").await?;
    let (pod, _) = turn(&t).await?;
    let listed = pod.mcp("tools/list", &json!({})).await?.ok()?.to_string();
    assert!(listed.contains("github_comments_list") && !listed.contains("github_comment_add"), "{listed}");
    let call = |name: &str| json!({ "name": name, "arguments": { "body": "Hello" } });
    let hidden = pod.mcp("tools/call", &call("github_comment_add")).await?.body;
    let unknown = pod.mcp("tools/call", &call("no_such_tool")).await?.body;
    assert!(hidden["error"].is_object() && hidden == unknown, "{hidden} {unknown}");
    assert_eq!(pod.tool("run_context_get", &json!({})).await?["may_write"], json!([]));
    t.platform.still_runs()
}

#[tokio::test]
async fn words_within_one_second_are_one_turn_and_all_are_answered() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = talking(&t).await?;
    let said = ["One.", "Two.", "Three."];
    futures::future::try_join_all(said.map(|body| t.github.comment("writer", issue, body))).await?;
    stories::until("all are heard", async || Ok(t.ledger().await?.matches("comment_heard").count() == said.len()))
        .await?;
    let starts = futures::future::try_join_all((0..4).map(|_| t.starts_a_turn())).await?;
    assert_eq!(starts.iter().filter(|started| **started).count(), 1, "{starts:?}");
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    for body in said {
        assert!(text(&context, "/prompt").contains(body), "{body}");
    }
    answered(&t, pod, "All three.").await?;
    assert!(!t.starts_a_turn().await?, "nobody waits any more");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_stages_label_ends_it_and_the_work_begins() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = talking(&t).await?;
    t.comment("writer", issue, "What would you do?").await?;
    let (pod, _) = turn(&t).await?;
    t.label("writer", issue, "run:dev").await?;
    let run = t.owner.get(&format!("runs/{}", pod.lease.run)).await?;
    assert_eq!((&run["cancel_requested"], text(&run, "/reason_detail")), (&json!(true), "a stage's label came"));
    assert_eq!(t.runs().await?, ["#1 running", "#1 pending"]);
    t.comment("writer", issue, "And now?").await?;
    t.comment("writer", issue, "Hello?").await?;
    assert_eq!(t.told().await?, ["run_already_active"], "once");
    assert!(!t.starts_a_turn().await?);
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled mode:discussion → ignored not_trigger_label
    issue_comment.created → effected comment_heard
    issues.labeled run:dev → accepted
    issue_comment.created → ignored run_already_active
    issue_comment.created → ignored run_already_active
    ");
    t.platform.still_runs()
}

#[tokio::test]
async fn it_ends_when_the_label_goes_or_the_issue_closes_and_begins_anew_with_another_session() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = talking(&t).await?;
    t.comment("writer", issue, "Which query is the slow one?").await?;
    let (pod, _) = turn(&t).await?;
    answered(&t, pod, "The one in `src/a.rs:3`.").await?;
    t.comment("writer", issue, "Sure?").await?;
    assert!(t.starts_a_turn().await?);
    t.unlabel("writer", issue, DISCUSSION).await?;
    assert_eq!(t.runs().await?, ["#1 succeeded", "#1 cancelled cancelled"]);
    t.comment("writer", issue, "Talking among ourselves.").await?;

    t.label("writer", issue, DISCUSSION).await?;
    t.comment("writer", issue, "Once more.").await?;
    let (_, context) = turn(&t).await?;
    assert_eq!(context["resume"], Value::Null, "a fresh session");
    assert!(text(&context, "/prompt").contains("Talking among ourselves."), "it is told what was said meanwhile");
    t.close("writer", issue).await?;
    t.comment("writer", issue, "Too late.").await?;
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled mode:discussion → ignored not_trigger_label
    issue_comment.created → effected comment_heard
    issue_comment.created → effected comment_heard
    issues.unlabeled mode:discussion → effected discussion_ended
    issue_comment.created → ignored event_not_handled
    issues.labeled mode:discussion → ignored not_trigger_label
    issue_comment.created → effected comment_heard
    issues.closed → effected issue_ended
    issue_comment.created → ignored issue_closed
    ");
    t.platform.still_runs()
}

#[tokio::test]
async fn after_eight_silent_hours_the_next_word_begins_a_new_one() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = talking(&t).await?;
    t.comment("writer", issue, "Which query is the slow one?").await?;
    let (pod, _) = turn(&t).await?;
    answered(&t, pod, "The one in `src/a.rs:3`.").await?;
    shift_clock(&t, 7).await?;
    t.comment("writer", issue, "And who calls it?").await?;
    let (pod, context) = turn(&t).await?;
    assert_eq!(text(&context, "/resume/session_id"), SESSION, "seven hours are no silence");
    answered(&t, pod, "Everybody.").await?;
    shift_clock(&t, 8).await?;
    t.comment("writer", issue, "Good morning.").await?;
    let (pod, context) = turn(&t).await?;
    assert_eq!(context["resume"], Value::Null);
    let told = t.owner.get(&format!("runs/{}/conversation", pod.lease.run)).await?;
    assert_eq!(told["turns"].as_array().map(Vec::len), Some(1), "{told}");
    t.platform.still_runs()
}

#[tokio::test]
async fn who_may_not_start_runs_is_recorded_and_not_heard() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = talking(&t).await?;
    t.comment("bot", issue, "I talk to myself.").await?;
    t.comment("owner", issue, "I own the platform.").await?;
    sqlx::query("UPDATE project_members SET role = 'read'").execute(&t.platform.db).await?;
    for body in ["Give me the keys.", "Please."] {
        t.comment("writer", issue, body).await?;
    }
    assert_eq!(t.told().await?, ["sender_role_not_permitted"], "told once, not after each word");
    let (_, context) = turn(&t).await?;
    assert!(text(&context, "/prompt").contains("I own the platform."), "{}", text(&context, "/prompt"));
    assert!(!text(&context, "/prompt").contains("I talk to myself."));
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled mode:discussion → ignored not_trigger_label
    issue_comment.created → ignored own_action
    issue_comment.created → effected comment_heard
    issue_comment.created → ignored sender_role_not_permitted
    issue_comment.created → ignored sender_role_not_permitted
    ");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_comment_is_heard_once_however_often_it_is_told_and_its_changes_are_not() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = talking(&t).await?;
    let said = t.comment("writer", issue, "Which query is the slow one?").await?;
    let path = format!("/issues/comments/{}", said["id"]);
    t.heard("edited", async || t.github.api("writer", Method::PATCH, &path, &json!({ "body": "Never mind." })).await)
        .await?;
    t.heard("deleted", async || t.github.api("writer", Method::DELETE, &path, &Value::Null).await).await?;
    let writer = t.github.person("writer")?;
    let repository = t.github.api("owner", Method::GET, "", &Value::Null).await?;
    let again = json!({
        "action": "created", "comment": said, "repository": repository,
        "issue": {
            "number": issue, "title": "By hand", "body": "", "state": "open", "labels": [{ "name": DISCUSSION }],
            "html_url": "http://github.test/issues/1", "updated_at": Utc::now(),
        },
        "sender": { "id": writer.id, "login": writer.login, "type": "User" },
    });
    for guid in ["again-1", "again-2"] {
        let sent = Delivery::signed("issue_comment", guid, again.to_string().into_bytes(), WEBHOOK_SECRETS[0]);
        assert_eq!(sent.send(&t).await?.body["status"], "duplicate");
    }
    let mut by_an_app = again.clone();
    (by_an_app["comment"]["id"], by_an_app["sender"]["type"]) = (json!(999_999), json!("Bot"));
    let sent = Delivery::signed("issue_comment", "app", by_an_app.to_string().into_bytes(), WEBHOOK_SECRETS[0]);
    assert_eq!(sent.send(&t).await?.body["reason"], "sender_type_not_permitted");
    assert_eq!(wishes(&t).await?, ["reaction eyes"]);
    let (_, context) = turn(&t).await?;
    assert!(text(&context, "/prompt").contains("Which query is the slow one?"), "as the event carried it");
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled mode:discussion → ignored not_trigger_label
    issue_comment.created → effected comment_heard (and 2 more times)
    issue_comment.edited → ignored event_not_handled
    issue_comment.deleted → ignored event_not_handled
    issue_comment.created → ignored sender_type_not_permitted
    ");
    t.platform.still_runs()
}
