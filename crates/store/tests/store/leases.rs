//! Leases: one owner at a time, and nothing written by one who has lost it.

use std::time::Duration;

use crate::support::installation;
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::reasons::Reason;
use domain::run::RunStatus;
use domain::stages::Role;
use serde_json::json;
use sqlx::PgPool;
use store::flow::{self, Entry};
use store::outbound::LabelChange;
use store::runs::progress::{self, Ending, HandIn, LabelMove, Milestone, NewReview};
use store::runs::{Lease, jobs, lease, view};
use store::tokens;

const TTL: Duration = Duration::from_secs(30);

fn entry(kind: FlowKind) -> Entry {
    Entry::new(kind, "worker:test", json!({ "n": 1, "what": "ä" }))
}

fn ending() -> Ending<'static> {
    Ending {
        status: RunStatus::Failed,
        reason: Some(Reason::Oom),
        detail: "OOMKilled",
        launch_failed: true,
        labels: &[],
        flow: entry(FlowKind::RunFinished),
    }
}

fn label_off(number: i64) -> LabelMove {
    LabelMove { number, labels: LabelChange { off: vec!["run:dev".into()], on: Vec::new() } }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn work_that_is_handed_in_waits_and_is_looked_at_by_a_run_beside_it(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let lease = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    progress::open_launch(&it.db, lease).await?;
    let mut opened = Milestone::new(entry(FlowKind::PullOpened));
    opened.pull = Some((8, "http://github.test/acme/app/pull/8".into()));
    assert!(progress::reach(&it.db, lease, &opened).await?);
    let review = NewReview {
        id: RunId::new(),
        role: Role::Reviewer,
        namespace: "acme-dev-i7-review".into(),
        flow: entry(FlowKind::RunCreated),
    };
    let id = review.id;
    let work = HandIn { labels: &[label_off(7)], flow: entry(FlowKind::HandedIn), review: Some(review) };
    assert!(progress::hand_in(&it.db, lease, &work).await?);
    assert!(!progress::hand_in(&it.db, lease, &work).await?, "once is enough");
    assert!(jobs::abandoned(&it.db, &[(run, 1)]).await?.is_empty(), "its pod may still be saving");

    // The review takes a place of its own role, and the issue is free for another stage.
    let looking = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    assert_eq!(looking.run, id);
    it.wait(31).await?;
    assert_eq!(jobs::abandoned(&it.db, &[(run, 1)]).await?, [(run, 1)]);
    let row = progress::load(&it.db, looking).await?.unwrap();
    assert!(row.is_review && row.reviewed_waits && row.trigger_label.is_none());
    assert_eq!((row.role.as_str(), row.pr_number), ("reviewer", Some(8)));
    let good = Ending { status: RunStatus::Succeeded, reason: None, detail: "", launch_failed: false, ..ending() };
    assert!(progress::finish(&it.db, looking, &good).await?);
    let said = "SELECT count(*) FROM outbound_actions WHERE kind = 'review_comment' AND subject_number = 8";
    assert_eq!(it.count(said).await?, 1);
    assert_eq!(it.count("SELECT count(*) FROM outbound_actions WHERE kind = 'service_comment'").await?, 1);
    for run in [run, id] {
        assert_eq!(flow::first_break(&it.db, run).await?, None);
    }

    // Somebody who stops what waits takes it back, with its labels.
    let asked = entry(FlowKind::CancelRequested);
    assert!(view::request_cancel(&it.db, run, "olga", &asked).await?);
    assert_eq!(it.count("SELECT count(*) FROM agent_runs WHERE kind = 'stage' AND status = 'cancelled'").await?, 1);
    assert_eq!(flow::first_break(&it.db, run).await?, None);
    let wishes = "SELECT count(*) FROM outbound_actions WHERE kind = 'labels' AND payload -> 'off' ? 'state:in-review'";
    assert_eq!(it.count(wishes).await?, 2);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn many_workers_claim_each_run_once(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.allow(100).await?;
    for issue in 1..=50 {
        it.start(issue).await?;
    }
    let workers = (0..8).map(|n| {
        let db = it.db.clone();
        async move {
            let (name, mut mine) = (format!("w{n}"), Vec::new());
            while let Some(lease) = lease::claim(&db, &name, TTL).await? {
                mine.push(lease.run);
            }
            anyhow::Ok(mine)
        }
    });
    let mut claimed: Vec<_> = futures::future::try_join_all(workers).await?.concat();
    assert_eq!(claimed.len(), 50);
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), 50);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_worker_that_froze_past_its_lease_writes_nothing(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let frozen = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    assert_eq!(progress::open_launch(&it.db, frozen).await?, Some(1));
    assert!(lease::claim(&it.db, "w2", TTL).await?.is_none(), "it is leased");
    it.wait(31).await?;
    assert!(lease::renew_all(&it.db, "w1", TTL).await?.is_empty(), "a lease that ran out is not renewed");
    let taken_over = lease::claim(&it.db, "w2", TTL).await?.unwrap();
    assert_eq!(taken_over, Lease { run, token: frozen.token + 1 });

    assert_eq!(progress::open_launch(&it.db, frozen).await?, None);
    assert!(progress::load(&it.db, frozen).await?.is_none());
    assert!(!progress::reach(&it.db, frozen, &Milestone::new(entry(FlowKind::JobCreated))).await?);
    assert!(!progress::requeue(&it.db, frozen, TTL, &entry(FlowKind::LaunchFailed)).await?);
    assert!(!progress::finish(&it.db, frozen, &ending()).await?);
    assert!(!tokens::issue(&it.db, frozen, &[1; 32]).await?);

    let row = progress::load(&it.db, taken_over).await?.unwrap();
    assert_eq!((row.launch, row.attempts), (1, 0), "a takeover costs neither a launch nor an attempt");
    assert_eq!(progress::open_launch(&it.db, taken_over).await?, Some(1), "it adopts the same launch");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_token_serves_its_launch_and_nothing_after(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let lease = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    progress::open_launch(&it.db, lease).await?;
    assert!(tokens::issue(&it.db, lease, &[1; 32]).await?);
    let grant = tokens::verify(&it.db, &[1; 32]).await?.unwrap();
    assert_eq!((grant.run_id, grant.launch, grant.saving_only), (run, 1, false));
    assert!(tokens::verify(&it.db, &[2; 32]).await?.is_none());

    let asked = entry(FlowKind::CancelRequested);
    assert!(view::request_cancel(&it.db, run, "olga", &asked).await?);
    assert!(tokens::verify(&it.db, &[1; 32]).await?.unwrap().saving_only, "for saving, a few seconds more");
    it.wait(9).await?;
    assert!(tokens::verify(&it.db, &[1; 32]).await?.is_none());
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_failed_launch_closes_its_token_and_the_next_one_is_another(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.start(7).await?;
    let first = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    progress::open_launch(&it.db, first).await?;
    tokens::issue(&it.db, first, &[1; 32]).await?;
    assert!(progress::requeue(&it.db, first, Duration::from_secs(5), &entry(FlowKind::LaunchFailed)).await?);
    assert!(tokens::verify(&it.db, &[1; 32]).await?.is_none());
    assert!(lease::claim(&it.db, "w1", TTL).await?.is_none(), "not before its time");
    it.wait(6).await?;
    let second = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    assert_eq!(progress::open_launch(&it.db, second).await?, Some(2));
    let row = progress::load(&it.db, second).await?.unwrap();
    assert_eq!((row.launch, row.attempts), (2, 1));
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_end_of_a_run_moves_its_labels_and_keeps_the_chain_whole(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let lease = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    progress::open_launch(&it.db, lease).await?;
    assert!(progress::reach(&it.db, lease, &Milestone::new(entry(FlowKind::PodRunning))).await?);
    let moves = [7, 8].map(label_off);
    let ending = || Ending { labels: &moves, ..ending() };
    assert!(progress::finish(&it.db, lease, &ending()).await?);
    assert!(!progress::finish(&it.db, lease, &ending()).await?, "over is over");
    assert_eq!(it.count("SELECT count(*) FROM outbound_actions WHERE kind = 'labels'").await?, 2);
    assert_eq!(it.count("SELECT count(*) FROM outbound_actions WHERE kind = 'service_comment'").await?, 1);

    assert_eq!(flow::first_break(&it.db, run).await?, None);
    let kinds: Vec<_> = flow::of_run(&it.db, run, 0, 100).await?.into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds, ["run.created", "run.claimed", "pod.running", "run.finished"]);
    sqlx::query("UPDATE flow_events SET data = '{\"n\": 2}' WHERE kind = 'pod.running'").execute(&it.db).await?;
    assert_eq!(flow::first_break(&it.db, run).await?, Some(3), "a changed event shows");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn work_that_somebody_stopped_first_is_not_handed_in(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let lease = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    progress::open_launch(&it.db, lease).await?;
    assert!(view::request_cancel(&it.db, run, "olga", &entry(FlowKind::CancelRequested)).await?);
    let work = HandIn { labels: &[], flow: entry(FlowKind::HandedIn), review: None };
    assert!(!progress::hand_in(&it.db, lease, &work).await?);
    assert_eq!(it.count("SELECT count(*) FROM agent_runs WHERE status = 'running'").await?, 1, "the next turn ends it");
    Ok(())
}
