//! What can come next, by clicks alone.

use anyhow::{Context, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Pod, Story, id_of};

/// The steps that a run's page offers: `code on #number -removed +added [obstacle]`.
async fn offered(t: &Story, run: &str) -> Result<Vec<String>> {
    let steps = t.owner.get(&format!("runs/{run}/next-steps")).await?;
    let line = |step: &Value| {
        let removed: String = texts(&step["removes"]).iter().map(|label| format!(" -{label}")).collect();
        let obstacle = step["obstacle"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
        let word = |field: &str| step[field].as_str().unwrap_or_default().to_owned();
        format!("{} on #{}{removed} +{}{obstacle}", word("step"), step["on_number"], word("adds"))
    };
    Ok(steps["items"].as_array().context("no steps")?.iter().map(line).collect())
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Takes a step as its preview shows it; answers the run that starts.
async fn take(t: &Story, run: &str, step: &str) -> Result<String> {
    let steps = t.owner.get(&format!("runs/{run}/next-steps")).await?;
    let shown = steps["items"].as_array().into_iter().flatten().find(|one| one["step"] == step);
    let seen = json!({ "labels_seen": shown.with_context(|| format!("{step} is not offered: {steps}"))?["labels"] });
    id_of(&t.owner.post(&format!("runs/{run}/next-steps/{step}"), &seen).await?)
}

/// The worker's part: what the platform wished for is true on GitHub.
async fn deliver_labels(t: &Story) -> Result<()> {
    let sql = "UPDATE outbound_actions SET state = 'done' WHERE kind = 'labels' AND state = 'pending'
               RETURNING subject_number, payload";
    let wishes: Vec<(i64, Value)> = sqlx::query_as(sql).fetch_all(&t.platform.db).await?;
    for (number, wish) in wishes {
        let labels = t.github.api("bot", Method::GET, &format!("/issues/{number}/labels"), &Value::Null).await?;
        let there: Vec<&str> = labels.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
        for label in texts(&wish["off"]).into_iter().filter(|label| there.contains(label)) {
            t.github.api("bot", Method::DELETE, &format!("/issues/{number}/labels/{label}"), &Value::Null).await?;
        }
        if wish["on"].as_array().is_some_and(|on| !on.is_empty()) {
            let on = json!({ "labels": wish["on"] });
            t.github.api("bot", Method::POST, &format!("/issues/{number}/labels"), &on).await?;
        }
    }
    Ok(())
}

/// The newest run's pod does its stage's work, and it is handed in as pull request `number`.
async fn work(t: &Story, number: u64) -> Result<()> {
    let pod = Pod::launch(t).await?;
    pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    pod.hand_in(t, number).await
}

async fn first_run(t: &Story) -> Result<String> {
    let page = t.owner.get("runs?limit=1").await?;
    id_of(&page["items"][0])
}

#[tokio::test]
async fn every_path_is_walked_from_the_idea_to_operations_by_clicks_alone() -> Result<()> {
    let paths: [&[&str]; 3] = [
        &["vision", "prd", "arch", "design", "plan", "dev", "qa", "release", "postdeploy", "ops"],
        &["prd", "design", "dev"],
        &["plan", "dev"],
    ];
    for path in paths {
        let mut t = Story::begin().await?;
        let issue = t.open_issue("Add dark mode").await?;
        t.label("writer", issue, "run:intake").await?;
        let mut run = first_run(&t).await?;
        work(&t, 100).await?;
        for (number, stage) in (101..).zip(path) {
            run = take(&t, &run, &format!("stage-{stage}")).await?;
            deliver_labels(&t).await?;
            let labels = t.github.api("bot", Method::GET, &format!("/issues/{issue}/labels"), &Value::Null).await?;
            let stages: Vec<_> = labels.as_array().into_iter().flatten().map(|one| &one["name"]).collect();
            assert_eq!(stages, [&json!(format!("run:{stage}"))], "one stage label at a time");
            work(&t, number).await?;
        }
        let runs = t.runs().await?;
        assert_eq!(runs, vec!["#1 waiting_owner_review"; path.len() + 1]);
        t.platform.still_runs()?;
    }
    Ok(())
}

#[tokio::test]
async fn a_step_starts_what_its_label_would_for_whom_may_and_once() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:plan").await?;
    let run = first_run(&t).await?;
    assert!(offered(&t, &run).await?.is_empty(), "it has not ended");
    work(&t, 1).await?;
    insta::assert_snapshot!(offered(&t, &run).await?.join("\n"), @r"
    revise on #1 -run:plan +run:plan:revise
    stage-dev on #1 -run:plan +run:dev
    stage-doc-audit on #1 -run:plan +run:doc-audit
    stage-self-improve on #1 -run:plan +run:self-improve
    stage-rethink on #1 -run:plan +run:rethink
    ");

    let path = format!("runs/{run}/next-steps/stage-dev");
    let seen = json!({ "labels_seen": ["run:plan"] });
    let reader = t.console_of("reader").await?;
    assert_eq!(reader.call(Method::POST, &path, &seen).await?.status, StatusCode::FORBIDDEN);
    assert_eq!(reader.get(&format!("runs/{run}/next-steps")).await?["may_start"], json!(false));
    let late = t.owner.call(Method::POST, &path, &json!({ "labels_seen": [] })).await?;
    assert_eq!((late.status, &late.body["code"]), (StatusCode::CONFLICT, &json!("labels_changed")));
    let unknown = t.owner.call(Method::POST, &format!("runs/{run}/next-steps/stage-ops"), &seen).await?;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "plan is not followed by ops");

    let (one, other) =
        tokio::try_join!(t.owner.call(Method::POST, &path, &seen), t.owner.call(Method::POST, &path, &seen))?;
    assert_eq!((one.status, other.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(one.body["id"], other.body["id"], "a double click is one click");
    assert_eq!(t.runs().await?, ["#1 waiting_owner_review", "#1 pending"]);
    // While it is active, the other steps say why they would start nothing.
    assert!(offered(&t, &run).await?.iter().filter(|step| step.contains("(run_already_active)")).count() > 3);
    let refused = format!("{:#}", take(&t, &run, "stage-rethink").await.unwrap_err());
    assert!(refused.contains("409") && refused.contains("run_already_active"), "{refused}");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_retry_goes_on_in_the_session_that_failed() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let run = first_run(&t).await?;
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let session = "0192f0c1-2222-7333-8444-0123456789ab";
    let keeping = format!("session?path=sessions/2026/11/22/rollout-a.jsonl&session_id={session}");
    assert_eq!(pod.keep(&keeping, 1, b"so far").await?, StatusCode::NO_CONTENT);
    pod.fail(&t).await?;
    t.unlabel("bot", issue, "run:dev").await?;
    assert_eq!(offered(&t, &run).await?[0], format!("retry on #{issue} +run:dev"));

    let again = take(&t, &run, "retry").await?;
    let pod = Pod::launch(&t).await?;
    assert_eq!(pod.lease.run.to_string(), again);
    let told = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert_eq!((&told["branch"], &told["resume"]["session_id"]), (&context["branch"], &json!(session)));
    assert!(told["resume"]["message"].as_str().is_some_and(|message| !message.contains("This run revises")));
    t.platform.still_runs()
}
