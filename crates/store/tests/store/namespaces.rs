//! Whose a namespace is, how long it lives, and what keeps it.

use std::time::Duration;

use chrono::Utc;
use domain::flow::FlowKind;
use domain::ids::RunId;
use serde_json::{Value, json};
use sqlx::PgPool;
use store::flow::{self, Entry};
use store::runs::progress::{self, HandIn, Milestone};
use store::runs::{Lease, lease, sweep, view};
use uuid::Uuid;

use crate::support::{Installation, installation, issue_event, word};

const LEASE: Duration = Duration::from_secs(30);
/// How long a namespace lives after its run.
const DAY: i32 = 86400;
const PULL: i64 = 70;

fn entry(kind: FlowKind) -> Entry {
    Entry::new(kind, "worker:test", json!({}))
}

/// A run of issue 7 with a namespace, at work.
async fn at_work(it: &Installation) -> anyhow::Result<(Lease, Uuid)> {
    it.start(7).await?;
    let lease = lease::claim(&it.db, "w1", LEASE).await?.ok_or_else(|| anyhow::anyhow!("nothing to claim"))?;
    progress::open_launch(&it.db, lease).await?;
    let uid = Uuid::now_v7();
    let mut ready = Milestone::new(entry(FlowKind::NamespaceReady));
    ready.namespace_uid = Some(uid);
    ready.pull = Some((PULL, format!("http://github.test/acme/app/pull/{PULL}")));
    progress::reach(&it.db, lease, &ready).await?;
    Ok((lease, uid))
}

async fn hand_in(it: &Installation, lease: Lease) -> anyhow::Result<()> {
    let work = HandIn { labels: &[], flow: entry(FlowKind::HandedIn), review: None };
    anyhow::ensure!(progress::hand_in(&it.db, lease, &work).await?, "the lease is lost");
    Ok(())
}

async fn due(it: &Installation) -> anyhow::Result<Vec<RunId>> {
    Ok(sweep::expired(&it.db, 10).await?.into_iter().map(|expired| expired.run_id).collect())
}

/// Puts a label on issue 7 or takes it off.
async fn debug(it: &Installation, action: &str) -> anyhow::Result<String> {
    let now = store::clock::now(&it.db).await?;
    let event = issue_event(action, 7, "run:debug", &now.to_rfc3339());
    Ok(word(it.deliver(&format!("{action} {now}"), &event).await))
}

/// What was said about a run's namespace, in its order.
async fn told(it: &Installation, run: RunId) -> anyhow::Result<Vec<String>> {
    let flows = flow::of_run(&it.db, run, 0, 100).await?;
    anyhow::ensure!(flow::first_break(&it.db, run).await?.is_none(), "the chain breaks");
    Ok(flows.into_iter().map(|flow| flow.kind).filter(|kind| kind.starts_with("namespace.")).collect())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_namespace_lives_while_its_run_is_active_and_for_its_time_after_it(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (lease, _) = at_work(&it).await?;
    // As if an earlier end had left its time.
    sqlx::query("UPDATE agent_runs SET namespace_expires_at = app_now()").execute(&it.db).await?;
    for status in ["running", "pending", "waiting_mcp", "waiting_backpressure"] {
        sqlx::query("UPDATE agent_runs SET status = $1").bind(status).execute(&it.db).await?;
        assert!(due(&it).await?.is_empty(), "{status}");
    }
    sqlx::query("UPDATE agent_runs SET status = 'running'").execute(&it.db).await?;
    hand_in(&it, lease).await?;
    it.wait(DAY - 5).await?;
    assert!(due(&it).await?.is_empty());
    it.wait(6).await?;
    assert_eq!(due(&it).await?, [lease.run], "work that waits for its owner is not active");
    sweep::deleted(&it.db, lease.run, &entry(FlowKind::NamespaceDeleted)).await?;
    assert!(due(&it).await?.is_empty());
    assert_eq!(told(&it, lease.run).await?, ["namespace.ready", "namespace.deleted"]);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_label_keeps_the_namespaces_of_an_issue_until_it_is_taken_off(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    assert_eq!(debug(&it, "labeled").await?, "event_not_handled", "there is nothing to keep");
    let (lease, _) = at_work(&it).await?;
    it.wait(1).await?;
    assert_eq!(debug(&it, "labeled").await?, "namespace_kept");
    hand_in(&it, lease).await?;
    let seen = || async { view::get(&it.db, it.sees_all(), lease.run).await };
    assert_eq!(seen().await?.unwrap().namespace_expires_at, None, "it has no end");
    it.wait(2 * DAY).await?;
    assert!(due(&it).await?.is_empty());
    let closed = issue_event("closed", 7, "bug", &store::clock::now(&it.db).await?.to_rfc3339());
    it.deliver("closed", &closed).await?;
    assert!(due(&it).await?.is_empty(), "the label outlives the issue");

    assert_eq!(debug(&it, "unlabeled").await?, "namespace_released");
    assert!(due(&it).await?.is_empty() && seen().await?.unwrap().namespace_expires_at.is_some());
    it.wait(DAY + 1).await?;
    assert_eq!(due(&it).await?, [lease.run], "its time began anew");
    assert_eq!(told(&it, lease.run).await?, ["namespace.ready", "namespace.kept", "namespace.released"]);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_run_that_starts_beside_the_label_keeps_its_namespace(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let mut event = it.labelled(7);
    event["issue"]["labels"] = json!([{ "name": "run:dev" }, { "name": "run:debug" }]);
    assert_eq!(word(it.deliver("guid-7", &event).await), "accepted");
    assert_eq!(it.count("SELECT count(*) FROM kept_namespaces").await?, 1);
    Ok(())
}

/// An event of the pull request of issue 7.
fn pull_event(action: &str, label: &str) -> Value {
    json!({
        "action": action,
        "label": { "name": label },
        "pull_request": {
            "number": PULL, "title": "t", "body": "", "state": "open", "merged": false, "labels": [],
            "html_url": "http://github.test/acme/app/pull/70", "updated_at": Utc::now().to_rfc3339(),
            "head": { "ref": "codex/i7-x", "repo": { "id": 42 } }, "base": { "ref": "main", "repo": { "id": 42 } },
        },
        "repository": { "id": 42, "full_name": "acme/app" },
        "sender": { "id": 2, "login": "ivan", "type": "User" },
    })
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_label_counts_on_the_pull_request_too(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (lease, _) = at_work(&it).await?;
    hand_in(&it, lease).await?;
    let kept = it.deliver_of("pull_request", "on", &pull_event("labeled", "run:debug")).await;
    assert_eq!(word(kept), "namespace_kept");
    it.wait(DAY + 1).await?;
    assert!(due(&it).await?.is_empty());
    let released = it.deliver_of("pull_request", "off", &pull_event("unlabeled", "run:debug")).await;
    assert_eq!(word(released), "namespace_released");
    it.wait(DAY + 1).await?;
    assert_eq!(due(&it).await?, [lease.run]);
    Ok(())
}
