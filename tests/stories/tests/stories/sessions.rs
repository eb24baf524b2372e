//! Sessions that go on: in another pod of the same run, and in a run that takes an earlier one up again.

use anyhow::Result;
use domain::ids::RunId;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use stories::{Pod, Story};

const ID: &str = "0192f0c1-2222-7333-8444-0123456789ab";
const PATH: &str = "sessions/2026/11/22/rollout-2026-11-22T03-12-24-0192f0c1.jsonl";

/// Starts a run and its first pod.
async fn working(t: &Story, title: &str) -> Result<Pod> {
    let issue = t.open_issue(title).await?;
    t.label("writer", issue, "run:dev").await?;
    Pod::launch(t).await
}

async fn keep_session(pod: &Pod, version: i64, bytes: &[u8]) -> Result<StatusCode> {
    pod.keep(&format!("session?path={PATH}&session_id={ID}"), version, bytes).await
}

async fn resume_of(pod: &Pod) -> Result<Value> {
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    Ok(context["resume"].clone())
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

async fn let_resume(db: &PgPool, run: RunId, earlier: RunId) -> Result<()> {
    sqlx::query("UPDATE agent_runs SET resumes = $2 WHERE id = $1").bind(run.0).bind(earlier.0).execute(db).await?;
    Ok(())
}

#[tokio::test]
async fn another_pod_is_told_to_go_on_and_gets_what_was_kept() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t, "Add dark mode").await?;
    assert_eq!(resume_of(&pod).await?, Value::Null, "there is nothing to go on with");
    assert_eq!(pod.fetch("session").await.unwrap_err().to_string().split(':').next(), Some("404 Not Found"));
    // More than the few megabytes that servers like to take at most.
    let (session, tree) = (vec![1; 5 << 20], vec![2; 9 << 20]);
    assert_eq!(keep_session(&pod, 2, &session).await?, StatusCode::NO_CONTENT);
    assert_eq!(keep_session(&pod, 1, b"older").await?, StatusCode::NO_CONTENT);
    pod.vanish(&t).await?;

    let pod = Pod::launch(&t).await?;
    let resume = resume_of(&pod).await?;
    assert_eq!((&resume["session_id"], &resume["path"]), (&json!(ID), &json!(PATH)));
    assert_eq!((&resume["session_sha256"], &resume["worktree_sha256"]), (&json!(digest(&session)), &Value::Null));
    let message = resume["message"].as_str().unwrap_or_default();
    assert!(message.contains("Your pod was replaced") && message.contains("as it was last pushed"), "{message}");
    assert!(pod.fetch("session").await? == session, "another session came back");
    assert!(pod.fetch("worktree").await.is_err(), "no tree was kept");
    assert_eq!(pod.keep("worktree", 1, &tree).await?, StatusCode::NO_CONTENT);
    pod.vanish(&t).await?;

    let pod = Pod::launch(&t).await?;
    let resume = resume_of(&pod).await?;
    assert_eq!(resume["worktree_sha256"], digest(&tree));
    let message = resume["message"].as_str().unwrap_or_default();
    assert!(message.contains("has been put back as it was last kept"), "{message}");
    assert!(pod.fetch("worktree").await? == tree, "another tree came back");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_run_that_takes_another_up_goes_on_with_its_session_and_is_told_its_own_prompt() -> Result<()> {
    let mut t = Story::begin().await?;
    let first = working(&t, "Add dark mode").await?;
    keep_session(&first, 1, b"the first session").await?;
    first.keep("worktree", 1, b"the first tree").await?;
    let second = working(&t, "Darker still").await?;
    assert_eq!(resume_of(&second).await?, Value::Null, "a run has nothing to do with another run's session");
    assert!(second.fetch("session").await.is_err());
    let_resume(&t.platform.db, second.lease.run, first.lease.run).await?;

    let context = second.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let resume = &context["resume"];
    assert_eq!(resume["message"], context["prompt"]);
    assert!(context["prompt"].as_str().unwrap_or_default().contains("Darker still"));
    assert_eq!(second.fetch("session").await?, b"the first session");
    assert_eq!(second.fetch("worktree").await?, b"the first tree");
    keep_session(&second, 1, b"the second session").await?;
    second.vanish(&t).await?;

    let second = Pod::launch(&t).await?;
    let resume = resume_of(&second).await?;
    assert_eq!(resume["session_sha256"], digest(b"the second session"));
    assert_eq!(resume["worktree_sha256"], Value::Null, "the first run's tree is not of this session");
    assert!(resume["message"].as_str().unwrap_or_default().starts_with("# Your pod was replaced"));
    assert_eq!(second.fetch("session").await?, b"the second session");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_was_changed_on_the_way_is_not_kept_and_what_is_kept_is_sealed() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t, "Add dark mode").await?;
    let wrong = pod.keep_as("worktree", 1, b"a tree", &digest(b"another tree")).await?;
    assert_eq!(wrong, StatusCode::UNPROCESSABLE_ENTITY);
    keep_session(&pod, 1, b"readable session").await?;
    pod.keep("worktree", 1, b"readable tree").await?;
    let rows = "SELECT s::text || w::text FROM agent_sessions AS s, agent_worktrees AS w";
    let rows: String = sqlx::query_scalar(rows).fetch_one(&t.platform.db).await?;
    assert!(rows.contains(&digest(b"readable tree")), "{rows}");
    for text in ["readable session", "readable tree"] {
        assert!(!rows.contains(text) && !rows.contains(&hex::encode(text)), "{text} lies in the database in clear");
    }
    t.platform.still_runs()
}
