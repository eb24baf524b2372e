//! Whose a namespace is, how long it lives, and what keeps it.

use std::time::Duration;

use chrono::Utc;
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::reasons::Reason;
use domain::run::RunStatus;
use serde_json::{Value, json};
use sqlx::PgPool;
use store::flow::{self, Entry};
use store::intake::Taken;
use store::runs::progress::{self, Ending, HandIn, Milestone};
use store::runs::{Lease, lease, ownership, sweep, view};
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

/// Closes issue 7.
async fn close(it: &Installation) -> anyhow::Result<String> {
    let now = store::clock::now(&it.db).await?;
    let event = issue_event("closed", 7, "bug", &now.to_rfc3339());
    Ok(word(it.deliver(&format!("closed {now}"), &event).await))
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_end_of_an_issue_cuts_its_namespaces_short_once(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (lease, _) = at_work(&it).await?;
    hand_in(&it, lease).await?;
    it.wait(5).await?;
    for _ in 0..2 {
        assert_eq!(close(&it).await?, "issue_ended");
        assert_eq!(due(&it).await?, [lease.run]);
        it.wait(5).await?;
    }
    assert_eq!(told(&it, lease.run).await?, ["namespace.ready", "namespace.cut_short"]);
    // Opened again, the work is revised: the namespace that goes is left alone.
    let again = revise(&it).await?;
    assert_eq!(namespace(&it, again).await?.1, None);
    assert_eq!(due(&it).await?, [lease.run]);
    let ttl: i32 = sqlx::query_scalar("SELECT namespace_ttl_seconds FROM agent_runs WHERE id = $1")
        .bind(again.0)
        .fetch_one(&it.db)
        .await?;
    assert_eq!(ttl, DAY, "and the new run has its own time");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_the_end_of_an_issue_stops_leaves_nothing_when_it_has_ended(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (lease, _) = at_work(&it).await?;
    assert_eq!(close(&it).await?, "issue_ended");
    it.wait(60).await?;
    assert!(due(&it).await?.is_empty(), "its pod is still saving");
    progress::finish(&it.db, lease, &failed()).await?;
    assert_eq!(due(&it).await?, [lease.run]);

    // One that waits for a limit to pass has no pod, so it ends at once; its namespace too.
    it.wait(2).await?;
    let now = store::clock::now(&it.db).await?;
    let again = issue_event("labeled", 7, "run:dev", &now.to_rfc3339());
    assert_eq!(word(it.deliver("again", &again).await), "accepted");
    let parked = lease::claim(&it.db, "w1", LEASE).await?.unwrap().run;
    sqlx::query("UPDATE agent_runs SET status = 'waiting_backpressure', namespace_uid = $2 WHERE id = $1")
        .bind(parked.0)
        .bind(Uuid::now_v7())
        .execute(&it.db)
        .await?;
    assert_eq!(close(&it).await?, "issue_ended");
    assert!(due(&it).await?.contains(&parked));
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_issue_that_ends_in_the_instant_in_which_its_run_does_leaves_nothing(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (lease, _) = at_work(&it).await?;
    let ending = failed();
    let (closed, finished) = tokio::join!(close(&it), progress::finish(&it.db, lease, &ending));
    assert_eq!((closed?.as_str(), finished?), ("issue_ended", true));
    assert_eq!(due(&it).await?, [lease.run]);
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

/// Asks for a revise of the newest work on issue 7, and answers the run that does it.
async fn revise(it: &Installation) -> anyhow::Result<RunId> {
    let now = store::clock::now(&it.db).await?;
    let event = issue_event("labeled", 7, "run:dev:revise", &now.to_rfc3339());
    match it.deliver(&format!("revise {now}"), &event).await? {
        Taken::New(stored) => stored.run_id.map(RunId).ok_or_else(|| anyhow::anyhow!("nothing started: {stored:?}")),
        Taken::Duplicate(stored) => anyhow::bail!("a duplicate: {stored:?}"),
    }
}

/// The namespace that a run's row names, and its UID.
async fn namespace(it: &Installation, run: RunId) -> anyhow::Result<(String, Option<Uuid>)> {
    let sql = "SELECT namespace, namespace_uid FROM agent_runs WHERE id = $1";
    Ok(sqlx::query_as(sql).bind(run.0).fetch_one(&it.db).await?)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_revise_takes_the_namespace_over_in_its_first_row(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (first, uid) = at_work(&it).await?;
    let (name, _) = namespace(&it, first.run).await?;
    hand_in(&it, first).await?;
    it.wait(DAY - 5).await?;
    let again = revise(&it).await?;
    assert_eq!(namespace(&it, again).await?, (name.clone(), Some(uid)));
    assert_eq!(namespace(&it, first.run).await?, (name.clone(), None), "the earlier run has let go");
    assert_eq!(told(&it, again).await?, ["namespace.taken_over"]);
    it.wait(2 * DAY).await?;
    assert!(due(&it).await?.is_empty(), "it belongs to a run that waits for a place");
    let owner = || async { sweep::owner(&it.db, &name, uid, first.run).await };
    let seen = owner().await?.unwrap();
    assert!(seen.run_id == again && seen.is_active, "its label still names the first run: {seen:?}");

    // The second goes wrong; a third takes up the first run's work, and the namespace from the second.
    let second = lease::claim(&it.db, "w1", LEASE).await?.unwrap();
    progress::finish(&it.db, second, &failed()).await?;
    let seen = owner().await?.unwrap();
    assert!(seen.run_id == again && !seen.is_active && seen.namespace_expires_at.is_some(), "{seen:?}");
    let third = revise(&it).await?;
    assert_eq!(namespace(&it, third).await?, (name.clone(), Some(uid)));
    assert_eq!(namespace(&it, again).await?, (name, None));
    Ok(())
}

fn failed() -> Ending<'static> {
    Ending {
        status: RunStatus::Failed,
        reason: Some(Reason::AgentError),
        detail: "",
        launch_failed: false,
        labels: &[],
        flow: entry(FlowKind::RunFinished),
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_namespace_that_is_due_or_gone_or_anothers_is_not_taken_over(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (first, uid) = at_work(&it).await?;
    let (name, _) = namespace(&it, first.run).await?;
    hand_in(&it, first).await?;
    for unfit in [
        "UPDATE agent_runs SET namespace_expires_at = app_now()",
        "UPDATE agent_runs SET namespace_expires_at = app_now() + interval '1 hour', role = 'qa'",
        "UPDATE agent_runs SET role = 'dev', namespace_deleted_at = app_now()",
    ] {
        sqlx::query(unfit).execute(&it.db).await?;
        let again = revise(&it).await?;
        let (own, none) = namespace(&it, again).await?;
        assert!(own != name && none.is_none(), "{unfit}: {own}");
        assert_eq!(namespace(&it, first.run).await?, (name.clone(), Some(uid)), "{unfit}");
        sqlx::query("UPDATE agent_runs SET status = 'cancelled', finished_at = app_now() WHERE id = $1")
            .bind(again.0)
            .execute(&it.db)
            .await?;
        it.wait(2).await?;
    }
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_namespace_that_cannot_be_used_goes_back_to_whom_it_was_taken_from(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (first, uid) = at_work(&it).await?;
    let (name, _) = namespace(&it, first.run).await?;
    hand_in(&it, first).await?;
    let again = revise(&it).await?;
    let lease = lease::claim(&it.db, "w1", LEASE).await?.unwrap();
    let other = "acme-dev-i7-another";
    assert!(ownership::replace(&it.db, lease, other, &entry(FlowKind::NamespaceReplaced)).await?);
    assert_eq!(namespace(&it, again).await?, (other.into(), None));
    assert_eq!(namespace(&it, first.run).await?, (name.clone(), Some(uid)));
    assert_eq!(due(&it).await?, [first.run], "nobody needs it any more");
    let owner = sweep::owner(&it.db, &name, uid, first.run).await?.unwrap();
    assert!(owner.run_id == first.run && !owner.is_active, "{owner:?}");
    assert_eq!(told(&it, again).await?, ["namespace.taken_over", "namespace.replaced"]);

    // Its own, which it does not use any more either, belongs to nobody.
    assert!(ownership::replace(&it.db, lease, "acme-dev-i7-third", &entry(FlowKind::NamespaceReplaced)).await?);
    assert!(sweep::owner(&it.db, other, Uuid::now_v7(), again).await?.is_none());
    let stale = Lease { token: lease.token - 1, ..lease };
    assert!(!ownership::replace(&it.db, stale, other, &entry(FlowKind::NamespaceReplaced)).await?);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_namespace_without_a_recorded_uid_belongs_to_the_run_it_was_made_for(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let (name, _) = namespace(&it, run).await?;
    assert!(sweep::owner(&it.db, &name, Uuid::now_v7(), run).await?.unwrap().is_active);
    assert!(sweep::owner(&it.db, "acme-dev-i7-another", Uuid::now_v7(), run).await?.is_none());
    assert!(sweep::owner(&it.db, &name, Uuid::now_v7(), RunId::new()).await?.is_none());
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_namespace_that_hangs_is_told_once_and_gone_at_last(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (lease, _) = at_work(&it).await?;
    hand_in(&it, lease).await?;
    assert!(sweep::stuck(&it.db, lease.run, &entry(FlowKind::NamespaceStuck)).await?);
    assert!(!sweep::stuck(&it.db, lease.run, &entry(FlowKind::NamespaceStuck)).await?);
    assert!(!sweep::stuck(&it.db, RunId::new(), &entry(FlowKind::NamespaceStuck)).await?, "nobody's");
    assert_eq!(told(&it, lease.run).await?, ["namespace.ready", "namespace.stuck"]);
    it.wait(1).await?;
    let again = revise(&it).await?;
    assert_eq!(namespace(&it, again).await?.1, None, "a revise leaves it alone");
    Ok(())
}
