//! How long what runs leave in the cluster stays there.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use domain::ids::RunId;
use http::Method;
use serde_json::{Value, json};
use stories::{Pod, Story, until};

/// A run at work on a new issue, in a namespace of its own.
async fn at_work(t: &Story, title: &str) -> Result<(u64, Pod)> {
    let issue = t.open_issue(title).await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(t).await?;
    pod.has_namespace(t).await?;
    Ok((issue, pod))
}

/// How long a run's namespace has left, in minutes; `None`: it has no end yet.
async fn minutes_left(t: &Story, run: RunId) -> Result<Option<i64>> {
    let ends = t.owner.get(&format!("runs/{run}")).await?["namespace_expires_at"].clone();
    let Some(ends) = ends.as_str() else { return Ok(None) };
    let ends: DateTime<Utc> = ends.parse()?;
    Ok(Some((ends - Utc::now()).num_minutes()))
}

async fn times(t: &Story, run: RunId, kind: &str) -> Result<usize> {
    let flows = store::flow::of_run(&t.platform.db, run, 0, i64::MAX).await?;
    Ok(flows.iter().filter(|flow| flow.kind == kind).count())
}

#[tokio::test]
async fn the_end_of_an_issue_ends_what_its_runs_have_left_and_harms_nothing_that_comes_after() -> Result<()> {
    let mut t = Story::begin().await?;
    let (over, failed) = at_work(&t, "Add dark mode").await?;
    let failed_run = failed.lease.run;
    failed.fail(&t).await?;
    let (stopped, pod) = at_work(&t, "Add light mode").await?;
    assert!(minutes_left(&t, failed_run).await?.is_some_and(|left| left > 60), "it may be looked at for a day");

    for issue in [over, stopped] {
        t.close("writer", issue).await?;
    }
    assert_eq!(minutes_left(&t, failed_run).await?, Some(0));
    assert_eq!(minutes_left(&t, pod.lease.run).await?, None, "the pod may still save its work");
    let run = pod.lease.run;
    pod.end_cancelled(&t).await?;
    assert_eq!(minutes_left(&t, run).await?, Some(0), "the close has stopped it");

    // Opened and closed once more, with a run in between that is at work on it again.
    let reopen = async |issue: u64| {
        let open = json!({ "state": "open" });
        let path = format!("/issues/{issue}");
        t.heard("reopened", async || t.github.api("writer", Method::PATCH, &path, &open).await).await
    };
    reopen(over).await?;
    t.unlabel("writer", over, "run:dev").await?;
    t.label("writer", over, "run:dev").await?;
    let again = Pod::launch(&t).await?;
    again.has_namespace(&t).await?;
    let again_run = again.lease.run;
    again.fail(&t).await?;
    assert!(minutes_left(&t, again_run).await?.is_some_and(|left| left > 60), "the new run has its own time");
    t.close("writer", over).await?;
    assert_eq!(minutes_left(&t, again_run).await?, Some(0));
    assert_eq!(times(&t, failed_run, "namespace.cut_short").await?, 1, "it is told once");

    t.platform.add_worker()?;
    for run in [failed_run, run, again_run] {
        until("the end of a namespace", async || Ok(times(&t, run, "namespace.deleted").await? == 1)).await?;
    }
    assert_eq!(ends(&t).await?, ["issues.closed → effected issue_ended"; 3].join("\n"));
    t.platform.still_runs()
}

/// What the ledger says of issues that were closed.
async fn ends(t: &Story) -> Result<String> {
    let ledger = t.ledger().await?;
    Ok(ledger.lines().filter(|line| line.starts_with("issues.closed")).collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn an_issue_on_which_nothing_ran_ends_nothing() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.close("writer", issue).await?;
    assert_eq!(ends(&t).await?, "issues.closed → ignored event_not_handled");
    let page: Value = t.owner.get("runs?limit=1").await?;
    assert!(page["items"].as_array().context("no runs")?.is_empty());
    t.platform.still_runs()
}
