//! A decoy that turned up: the run ends once, its token with it, and the first sighting is what is kept.

use std::time::Duration;

use anyhow::Context;
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::reasons::Reason;
use domain::run::RunStatus;
use serde_json::json;
use sqlx::PgPool;
use store::flow::{self, Entry};
use store::runs::progress::{self, Ending, HandIn, Milestone};
use store::runs::trip::{self, Trip};
use store::runs::{Lease, jobs, lease, report};
use store::tokens;
use uuid::Uuid;

use crate::support::{Installation, installation};

const TTL: Duration = Duration::from_secs(30);

async fn seen(it: &Installation, run: RunId, place: &str) -> store::Result<Option<bool>> {
    let said = json!({ "en": format!("in {place}"), "ru": "там" });
    let trip = Trip {
        said: &said,
        seen: Entry::new(FlowKind::CanaryTripped, "system:gateway", json!({ "place": place })),
        finished: Entry::new(
            FlowKind::RunFinished,
            "system:gateway",
            json!({ "status": "failed", "reason": "canary" }),
        ),
    };
    trip::trip(&it.db, run, &trip).await
}

async fn launched(it: &Installation, issue: i64) -> anyhow::Result<(RunId, Lease)> {
    let run = it.start(issue).await?;
    let lease = lease::claim(&it.db, "w1", TTL).await?.context("no run waits")?;
    progress::open_launch(&it.db, lease).await?;
    tokens::issue(&it.db, lease, &issue.to_be_bytes()).await?;
    let mut made = Milestone::new(Entry::new(FlowKind::JobCreated, "worker:w1", json!({})));
    (made.job_uid, made.namespace_uid) = (Some(Uuid::now_v7()), Some(Uuid::now_v7()));
    assert!(progress::reach(&it.db, lease, &made).await?);
    Ok((run, lease))
}

async fn stands(it: &Installation, run: RunId) -> anyhow::Result<(String, Option<String>, Option<String>)> {
    let sql = "SELECT status, reason, reason_detail FROM agent_runs WHERE id = $1";
    Ok(sqlx::query_as(sql).bind(run.0).fetch_one(&it.db).await?)
}

async fn kinds(it: &Installation, run: RunId) -> anyhow::Result<Vec<String>> {
    let rows = flow::of_run(&it.db, run, 0, 100).await?;
    assert_eq!(flow::first_break(&it.db, run).await?, None);
    Ok(rows.into_iter().map(|row| row.kind).filter(|kind| kind == "canary.tripped" || kind == "run.finished").collect())
}

fn ending() -> Ending<'static> {
    Ending {
        status: RunStatus::Cancelled,
        reason: Some(Reason::Cancelled),
        detail: "",
        launch_failed: false,
        labels: &[],
        flow: Entry::new(FlowKind::RunFinished, "worker:w1", json!({ "status": "cancelled" })),
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn of_two_sightings_at_once_one_ends_the_run_and_is_kept(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    for issue in 1..=8 {
        let (run, lease) = launched(&it, issue).await?;
        let (one, two, end) = tokio::join!(seen(&it, run, "model"), seen(&it, run, "diff"), async {
            progress::finish(&it.db, lease, &ending()).await
        });
        let (one, two, ended) = (one?, two?, end?);
        assert_eq!([one, two].iter().flatten().count(), 1, "{one:?} {two:?}");
        let (status, reason, detail) = stands(&it, run).await?;
        if ended {
            // Whoever was first ended it; the evidence is kept all the same.
            assert_eq!((status.as_str(), one.or(two)), ("cancelled", Some(false)));
        } else {
            assert_eq!((status.as_str(), reason.as_deref()), ("failed", Some("canary")));
            let place = if one.is_some() { "in model" } else { "in diff" };
            assert_eq!(detail.as_deref(), Some(place));
        }
        let mut kinds = kinds(&it, run).await?;
        kinds.sort();
        assert_eq!(kinds, ["canary.tripped", "run.finished"]);
        assert!(tokens::verify(&it.db, &issue.to_be_bytes()).await?.is_none());
        assert_eq!(report::repository(&it.db, run, 1).await?, None, "a push that is under way gets no credential");
    }
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn whoever_had_leased_it_finds_it_taken_away_and_its_job_goes_at_once(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (run, lease) = launched(&it, 7).await?;
    assert!(jobs::tripped(&it.db, &[run]).await?.is_empty());
    assert_eq!(seen(&it, run, "tool").await?, Some(true));
    let failed = Entry::new(FlowKind::LaunchFailed, "worker:w1", json!({}));
    assert!(!progress::requeue(&it.db, lease, Duration::ZERO, &failed).await?);
    assert!(!progress::wait_for_people(&it.db, lease, &failed).await?);
    assert!(!progress::finish(&it.db, lease, &ending()).await?);
    assert!(progress::load(&it.db, lease).await?.is_none());
    let found: Vec<_> = jobs::tripped(&it.db, &[run]).await?.into_iter().map(|job| (job.run_id, job.launch)).collect();
    assert_eq!(found, [(run, 1)]);
    assert_eq!(jobs::abandoned(&it.db, &[(run, 1)]).await?, [(run, 1)], "it has nothing to save");
    let sql = "SELECT count(*) FROM outbound_actions WHERE kind = 'labels' AND payload = '{\"off\": [\"run:dev\"], \"on\": []}'";
    assert_eq!(it.count(sql).await?, 1);
    assert_eq!(it.count("SELECT count(*) FROM agent_runs WHERE namespace_expires_at > app_now()").await?, 1);
    // Its place is free, and so is its issue.
    it.wait(1).await?;
    assert!(it.start(8).await.is_ok() && lease::claim(&it.db, "w1", TTL).await?.is_some());
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn work_that_is_handed_in_stays_and_only_keeps_the_evidence(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (run, lease) = launched(&it, 7).await?;
    let work = HandIn { labels: &[], flow: Entry::new(FlowKind::HandedIn, "worker:w1", json!({})), review: None };
    assert!(progress::hand_in(&it.db, lease, &work).await?);
    assert_eq!(seen(&it, run, "output").await?, Some(false));
    assert_eq!(seen(&it, run, "diff").await?, None);
    assert_eq!(stands(&it, run).await?, ("waiting_owner_review".into(), None, None));
    assert_eq!(kinds(&it, run).await?, ["canary.tripped"]);
    assert_eq!(seen(&it, RunId::new(), "diff").await?, None);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_run_keeps_the_decoy_that_it_got_first(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (run, _) = launched(&it, 7).await?;
    assert_eq!(tokens::verify(&it.db, &7_i64.to_be_bytes()).await?.unwrap().decoy_sealed, None);
    assert_eq!(trip::keep_decoy(&it.db, run, b"one").await?.as_deref(), Some(&b"one"[..]));
    assert_eq!(trip::keep_decoy(&it.db, run, b"two").await?.as_deref(), Some(&b"one"[..]));
    assert_eq!(trip::keep_decoy(&it.db, RunId::new(), b"two").await?, None);
    assert_eq!(tokens::verify(&it.db, &7_i64.to_be_bytes()).await?.unwrap().decoy_sealed.as_deref(), Some(&b"one"[..]));
    Ok(())
}
