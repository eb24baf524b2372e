//! The platform was away for longer than GitHub remembers, and comes back.

use std::slice::from_ref;

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use stories::{Story, until};

use crate::reviews::handed_in;

/// From now on no event of the repository is delivered, and GitHub's log of them is empty, as after three days.
async fn be_deaf(t: &Story) -> Result<()> {
    let (front, name) = (t.github.front(), t.github.full_name());
    let lost = json!({ "event": "*", "path_regex": format!("^/{name}$") });
    front.inject(&json!({ "match": lost, "times": 1000, "answer": { "drop": true } })).await?;
    let log = json!({ "method": "GET", "path_regex": format!(r"^/repos/{name}/hooks/\d+/deliveries$") });
    front.inject(&json!({ "match": log, "times": 1000, "answer": { "status": 200, "body": [] } })).await
}

/// Makes it look as if nobody had read the log for five days.
async fn be_away(t: &Story) -> Result<()> {
    let sql = "UPDATE repositories SET deliveries_seen_until = app_now() - interval '5 days', log_read_at = NULL";
    sqlx::query(sql).execute(&t.platform.db).await?;
    Ok(())
}

/// Waits until what the log has forgotten was looked for.
async fn compared(t: &Story) -> Result<()> {
    let sql = "SELECT bool_and(deliveries_seen_until > app_now() - interval '1 day') FROM repositories";
    until("a look at what was missed", async || Ok(sqlx::query_scalar(sql).fetch_one(&t.platform.db).await?)).await
}

/// What the audit says of the end of a run's pull request: kind, who, and the details.
async fn settled(t: &Story, run: domain::ids::RunId) -> Result<Vec<(String, String, Value)>> {
    anyhow::ensure!(store::flow::first_break(&t.platform.db, run).await?.is_none(), "the chain breaks");
    let flows = store::flow::of_run(&t.platform.db, run, 0, i64::MAX).await?;
    let ends = flows.into_iter().filter(|flow| ["pr.merged", "pr.closed"].contains(&flow.kind.as_str()));
    Ok(ends.map(|flow| (flow.kind, flow.actor, flow.data)).collect())
}

/// The reviews that the repository's check names, if it has found any.
async fn told(t: &Story) -> Result<Option<Value>> {
    let repository = t.owner.get(&format!("repositories/{}", t.repository)).await?;
    assert_eq!(repository["state"], "connected", "{repository}");
    let checks = repository["checks"].as_array().context("no checks")?;
    Ok(checks.iter().find(|check| check["name"] == "missed_reviews").map(|check| check["files"].clone()))
}

#[tokio::test]
async fn what_became_of_work_in_a_long_outage_is_found_once_by_however_many_workers() -> Result<()> {
    let mut t = Story::begin().await?;
    let (accepted, given_up) = (handed_in(&t, "run:dev").await?, handed_in(&t, "run:dev").await?);
    let (reviewed, untouched) = (handed_in(&t, "run:dev").await?, handed_in(&t, "run:dev").await?);
    be_deaf(&t).await?;
    let pull = |number: u64, rest: &str| format!("/pulls/{number}{rest}");
    t.github.api("owner", Method::PUT, &pull(accepted.pull, "/merge"), &json!({})).await?;
    t.github.api("writer", Method::PATCH, &pull(given_up.pull, ""), &json!({ "state": "closed" })).await?;
    let words = json!({ "event": "REQUEST_CHANGES", "body": "Say why." });
    t.github.api("writer", Method::POST, &pull(reviewed.pull, "/reviews"), &words).await?;

    be_away(&t).await?;
    for _ in 0..2 {
        t.platform.add_worker()?;
    }
    compared(&t).await?;
    let by = |person: &str| anyhow::Ok(t.github.person(person)?.login.clone());
    let expected = |pull: u64, status: &str| json!({ "pull": pull, "status": status, "found": "after_outage", "channel": "github_api" });
    let merged = ("pr.merged".to_owned(), format!("user:{}", by("owner")?), expected(accepted.pull, "succeeded"));
    // The stand-in shows no pull request as an issue, so it does not say who closed it.
    let closed = ("pr.closed".to_owned(), "user:ghost".to_owned(), expected(given_up.pull, "cancelled"));
    let review = json!([format!("#{} CHANGES_REQUESTED @{}", reviewed.pull, by("writer")?)]);
    let runs = [
        format!("#{} succeeded", accepted.issue),
        format!("#{} cancelled cancelled", given_up.issue),
        format!("#{} waiting_owner_review", reviewed.issue),
        format!("#{} waiting_owner_review", untouched.issue),
    ];
    for round in ["found", "looked at again"] {
        assert_eq!(t.runs().await?, runs, "{round}");
        assert_eq!(settled(&t, accepted.run).await?, from_ref(&merged), "{round}");
        assert_eq!(settled(&t, given_up.run).await?, from_ref(&closed), "{round}");
        assert_eq!(told(&t).await?.as_ref(), Some(&review), "{round}");
        let ledger = t.ledger().await?;
        let ends: Vec<_> = ledger.lines().filter(|line| line.contains(".closed")).collect();
        assert_eq!(ends.len(), 2, "{ledger}");
        // The other worker may have found it in the same moment; then that is counted.
        let merges = ends.iter().filter(|line| line.starts_with("pull_request.closed → effected pull_merged"));
        assert_eq!(merges.count(), 1, "{ledger}");
        be_away(&t).await?;
        compared(&t).await?;
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn a_run_whose_issue_ended_in_a_long_outage_is_stopped() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = stories::Pod::launch(&t).await?;
    be_deaf(&t).await?;
    t.github.close("writer", issue).await?;
    be_away(&t).await?;
    t.platform.add_worker()?;
    compared(&t).await?;
    assert!(t.ledger().await?.ends_with("issues.closed → effected issue_ended"), "{}", t.ledger().await?);
    let flows = store::flow::of_run(&t.platform.db, pod.lease.run, 0, i64::MAX).await?;
    let asked = flows.iter().find(|flow| flow.kind == "run.cancel_requested").context("it was not stopped")?;
    let because = json!({ "because": "issue_ended", "found": "after_outage", "channel": "github_api" });
    assert_eq!(
        (&asked.data, asked.actor.as_str()),
        (&because, format!("user:{}", t.github.person("writer")?.login).as_str())
    );
    t.platform.still_runs()
}
