//! Talks on issues: what is heard, which turn answers it, and what ends them.

use std::time::Duration;

use domain::ids::RunId;
use serde_json::{Value, json};
use sqlx::PgPool;
use store::discussions;
use store::runs::progress::{self, Ending};
use store::runs::{Lease, lease};

use crate::support::{Installation, installation, issue_event, word};

const LEASE: Duration = Duration::from_secs(30);
const HOUR: i32 = 3600;

/// An `issue_comment` event of issue 7 with the label, of this moment of the platform's clock.
async fn commented(it: &Installation, comment: i64) -> anyhow::Result<Value> {
    let now = store::clock::now(&it.db).await?.to_rfc3339();
    let mut event = issue_event("created", 7, "mode:discussion", &now);
    event["comment"] = json!({
        "id": comment, "body": format!("Word {comment}."), "created_at": now, "updated_at": now,
        "html_url": format!("http://github.test/acme/app/issues/7#issuecomment-{comment}"),
    });
    Ok(event)
}

async fn say(it: &Installation, comment: i64) -> anyhow::Result<String> {
    let event = commented(it, comment).await?;
    Ok(word(it.deliver_of("issue_comment", &format!("comment-{comment}"), &event).await))
}

async fn start(it: &Installation) -> anyhow::Result<Option<RunId>> {
    Ok(discussions::start_next(&it.db, "worker:test").await?)
}

/// Starts a turn and takes it up.
async fn turn(it: &Installation) -> anyhow::Result<Lease> {
    let run = start(it).await?.ok_or_else(|| anyhow::anyhow!("nobody waits"))?;
    let lease = lease::claim(&it.db, "w1", LEASE).await?.ok_or_else(|| anyhow::anyhow!("nothing to claim"))?;
    anyhow::ensure!(lease.run == run, "another run was claimed");
    Ok(lease)
}

async fn finish(it: &Installation, lease: Lease) -> anyhow::Result<()> {
    let flow = store::flow::Entry::new(domain::flow::FlowKind::RunFinished, "worker:test", json!({}));
    let status = domain::run::RunStatus::Succeeded;
    let ending = Ending { status, reason: None, detail: "", launch_failed: false, labels: &[], flow };
    anyhow::ensure!(progress::finish(&it.db, lease, &ending).await?, "the lease is lost");
    Ok(())
}

/// Comments that a run answers.
async fn answers(it: &Installation, run: RunId) -> anyhow::Result<Vec<i64>> {
    let told = discussions::to_answer(&it.db, run).await?;
    Ok(told.into_iter().map(|comment| comment.comment_id).collect())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_turn_takes_all_that_waits_and_what_comes_meanwhile_waits_for_the_next(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    assert_eq!((say(&it, 1).await?, say(&it, 2).await?), ("comment_heard".into(), "comment_heard".into()));
    let first = turn(&it).await?;
    assert_eq!(say(&it, 3).await?, "comment_heard");
    assert_eq!(start(&it).await?, None, "one turn at a time");
    assert_eq!(answers(&it, first.run).await?, [1, 2]);
    let row = progress::load(&it.db, first).await?.ok_or_else(|| anyhow::anyhow!("the lease is lost"))?;
    assert!(row.is_discussion && row.namespace.starts_with("acme-discussion-i7-"), "{}", row.namespace);
    assert_eq!((row.mode.0, row.rights.len()), (domain::stages::Mode::CodeOnly, 0), "whatever the policy says");
    finish(&it, first).await?;
    let second = turn(&it).await?;
    assert_eq!(answers(&it, second.run).await?, [3]);
    let resumed =
        "SELECT count(*) FROM agent_runs AS a JOIN agent_runs AS b ON b.id = a.resumes WHERE a.kind = 'discussion'";
    assert_eq!(it.count(resumed).await?, 1);
    assert_eq!(it.count("SELECT count(*) FROM outbound_actions WHERE kind = 'reaction'").await?, 3);
    assert_eq!(it.count("SELECT count(*) FROM outbound_actions WHERE kind = 'answer_comment'").await?, 1);
    assert_eq!(it.count("SELECT count(*) FROM outbound_actions WHERE kind = 'service_comment'").await?, 0);
    assert_eq!(
        it.count("SELECT count(*) FROM webhook_deliveries WHERE run_id IS NOT NULL").await?,
        3,
        "the ledger links"
    );
    assert_eq!(store::flow::first_break(&it.db, second.run).await?, None);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn workers_at_once_start_one_turn_and_a_repeat_is_heard_once(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let event = commented(&it, 1).await?;
    let deliveries = (0..8).map(|n| {
        let (it, event) = (&it, &event);
        async move { it.deliver_of("issue_comment", &format!("again-{n}"), event).await }
    });
    for taken in futures::future::join_all(deliveries).await {
        taken?;
    }
    assert_eq!(it.count("SELECT count(*) FROM webhook_deliveries").await?, 1);
    assert_eq!(it.count("SELECT count(*) FROM discussion_comments").await?, 1);
    let started = futures::future::try_join_all((0..8).map(|_| discussions::start_next(&it.db, "worker:test"))).await?;
    assert_eq!(started.iter().flatten().count(), 1);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn whatever_comes_at_once_a_stage_and_a_turn_are_never_both_wanted(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    for round in 0..8_i64 {
        let issue = 100 + round;
        let mut event = commented(&it, issue).await?;
        event["issue"]["number"] = issue.into();
        it.deliver_of("issue_comment", &format!("comment-{issue}"), &event).await?;
        let (stage, turn) = tokio::join!(it.start(issue), discussions::start_next(&it.db, "worker:test"));
        stage?;
        turn?;
    }
    let wanted = "SELECT count(*) FROM agent_runs WHERE kind = 'discussion' AND finished_at IS NULL";
    assert_eq!(it.count(wanted).await?, 0);
    assert_eq!(it.count("SELECT count(*) FROM agent_runs WHERE kind = 'stage'").await?, 8);
    assert_eq!(it.count("SELECT count(*) FROM discussions WHERE ended_by = 'stage'").await?, 8);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_ends_a_discussion_stops_its_turn_and_tells_why(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let endings = [
        ("unlabeled", "mode:discussion", "discussion_ended", "mode:discussion was taken off"),
        ("closed", "bug", "issue_ended", "the issue was closed"),
        ("labeled", "run:dev", "", "a stage's label came"),
    ];
    for (number, (action, label, reason, words)) in (1..).zip(endings) {
        say(&it, number).await?;
        let lease = turn(&it).await?;
        let now = store::clock::now(&it.db).await?.to_rfc3339();
        let event = issue_event(action, 7, label, &now);
        let told = word(it.deliver(&format!("end-{number}"), &event).await);
        assert!(reason.is_empty() || told == reason, "{action}: {told}");
        let row = progress::load(&it.db, lease).await?.ok_or_else(|| anyhow::anyhow!("the lease is lost"))?;
        assert!(row.cancel_requested, "{action}");
        let flow = store::flow::Entry::new(domain::flow::FlowKind::RunFinished, "worker:test", json!({}));
        let (status, reason) = (domain::run::RunStatus::Cancelled, Some(domain::reasons::Reason::Cancelled));
        let ending = Ending { status, reason, detail: "", launch_failed: false, labels: &[], flow };
        assert!(progress::finish(&it.db, lease, &ending).await?);
        let detail = sqlx::query_scalar::<_, String>("SELECT reason_detail FROM agent_runs WHERE id = $1");
        assert_eq!(detail.bind(lease.run.0).fetch_one(&it.db).await?, words);
    }
    assert_eq!(it.count("SELECT count(*) FROM discussions WHERE ended_at IS NOT NULL").await?, 3);
    assert_eq!(it.count("SELECT count(*) FROM outbound_actions WHERE kind = 'answer_comment'").await?, 0);
    assert_eq!(say(&it, 9).await?, "run_already_active");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn eight_silent_hours_end_it_but_never_while_somebody_waits(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let open = "SELECT count(*) FROM discussions WHERE ended_at IS NULL";
    say(&it, 1).await?;
    it.wait(9 * HOUR).await?;
    discussions::end_idle(&it.db).await?;
    assert_eq!(it.count(open).await?, 1, "somebody waits for an answer");
    let lease = turn(&it).await?;
    it.wait(9 * HOUR).await?;
    discussions::end_idle(&it.db).await?;
    assert_eq!(it.count(open).await?, 1, "it is being answered");
    finish(&it, lease).await?;
    it.wait(8 * HOUR - 60).await?;
    discussions::end_idle(&it.db).await?;
    assert_eq!(it.count(open).await?, 1);
    it.wait(61).await?;
    say(&it, 2).await?;
    assert_eq!(it.count("SELECT count(*) FROM discussions WHERE ended_by = 'idle'").await?, 1, "by the comment itself");
    let again = turn(&it).await?;
    assert_eq!(answers(&it, again.run).await?, [2]);
    assert_eq!(it.count("SELECT count(*) FROM agent_runs WHERE resumes IS NOT NULL").await?, 0, "a fresh session");
    Ok(())
}
