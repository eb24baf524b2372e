//! Limits of GitHub and of the model: runs that wait for one to pass, and how much the platform writes itself.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::limits::{CHORES, LimitOf, PULLS, WORDS};
use serde_json::json;
use sqlx::PgPool;
use store::flow::{self, Entry};
use store::runs::progress::{self, Parking};
use store::runs::{Lease, jobs, lease, view};
use store::usage::{self, Call};
use store::{clock, outbound};
use uuid::Uuid;

use crate::support::{BOT, Installation, installation, issue_event};

const TTL: Duration = Duration::from_secs(30);

fn entry(kind: FlowKind) -> Entry {
    Entry::new(kind, "worker:test", json!({}))
}

/// Claims the next run and opens a launch of it.
async fn launched(it: &Installation) -> anyhow::Result<Lease> {
    let lease = lease::claim(&it.db, "w1", TTL).await?.ok_or_else(|| anyhow::anyhow!("nothing to claim"))?;
    progress::open_launch(&it.db, lease).await?;
    Ok(lease)
}

async fn park(it: &Installation, lease: Lease, by: LimitOf, seconds: i64, close_launch: bool) -> anyhow::Result<bool> {
    let until = clock::now(&it.db).await? + TimeDelta::seconds(seconds);
    let parking = Parking { by, until, detail: "429", close_launch, flow: entry(FlowKind::RunParked) };
    Ok(progress::park(&it.db, lease, &parking).await?)
}

async fn deadline(it: &Installation, run: RunId) -> anyhow::Result<Option<DateTime<Utc>>> {
    let sql = "SELECT deadline_at FROM agent_runs WHERE id = $1";
    Ok(sqlx::query_scalar(sql).bind(run.0).fetch_one(&it.db).await?)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_parked_run_waits_with_its_clock_stopped_and_goes_on_where_it_was(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let first = launched(&it).await?;
    it.wait(20).await?;
    let left = deadline(&it, run).await?.unwrap() - clock::now(&it.db).await?;
    assert!(park(&it, first, LimitOf::GitHub, 600, false).await?);
    assert!(!park(&it, first, LimitOf::GitHub, 600, false).await?, "the lease is given up");
    assert_eq!(deadline(&it, run).await?, None);

    it.wait(590).await?;
    assert!(lease::claim(&it.db, "w1", TTL).await?.is_none(), "it is not due yet");
    assert!(jobs::abandoned(&it.db, &[(run, 1)]).await?.is_empty(), "its launch is still to be collected");
    it.wait(11).await?;
    let again = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    assert_eq!(again, Lease { run, token: first.token + 1 });
    let gained = deadline(&it, run).await?.unwrap() - clock::now(&it.db).await? - left;
    assert!(gained.abs() < TimeDelta::seconds(5), "{gained}");
    let row = progress::load(&it.db, again).await?.unwrap();
    assert_eq!((row.launch, row.launch_open, row.attempts), (1, true, 0));
    let kinds: Vec<_> = flow::of_run(&it.db, run, 0, 100).await?.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["run.created", "run.claimed", "run.parked", "run.resumed"]);
    assert_eq!(flow::first_break(&it.db, run).await?, None);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn nothing_is_launched_into_a_models_limit_and_the_oldest_goes_first(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.allow(10).await?;
    let oldest = it.start(1).await?;
    let limited = launched(&it).await?;
    let (second, other) = (it.start(2).await?, it.start(3).await?);
    sqlx::query("UPDATE agent_runs SET model = 'another' WHERE id = $1").bind(other.0).execute(&it.db).await?;

    usage::limited(&it.db, oldest, 1, TimeDelta::seconds(60)).await?;
    let row = progress::load(&it.db, limited).await?.unwrap();
    let until = row.model_limited_until.unwrap() - clock::now(&it.db).await?;
    assert!((until - TimeDelta::seconds(60)).abs() < TimeDelta::seconds(5), "{until}");
    assert!(park(&it, limited, LimitOf::Model, 60, true).await?);
    let claimed = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    assert_eq!(claimed.run, other, "another model has its own limit");
    assert!(lease::claim(&it.db, "w1", TTL).await?.is_none());
    let waits =
        view::list(&it.db, it.sees_all(), &view::Filter { waiting: true, ..Default::default() }, None, 10).await?;
    let words: Vec<_> = waits.iter().map(|run| (run.id, run.waits_for.as_deref(), run.waits_until.is_some())).collect();
    assert_eq!(words, [(second, Some("model"), true), (oldest, Some("model"), true)]);

    it.wait(61).await?;
    let order = [lease::claim(&it.db, "w1", TTL).await?, lease::claim(&it.db, "w1", TTL).await?];
    // The other's lease has run out, and taking over comes first.
    let order: Vec<_> = order.into_iter().flatten().map(|lease| lease.run).collect();
    assert_eq!(order, [other, oldest]);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_call_that_goes_well_ends_the_models_limit(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(1).await?;
    let lease = launched(&it).await?;
    usage::limited(&it.db, run, 2, TimeDelta::seconds(60)).await?;
    assert!(progress::load(&it.db, lease).await?.unwrap().model_limited_until.is_none(), "not this launch");
    usage::limited(&it.db, run, 1, TimeDelta::seconds(60)).await?;
    assert!(progress::load(&it.db, lease).await?.unwrap().model_limited_until.is_some());
    let call = Call {
        call_id: Uuid::now_v7(),
        run,
        launch: 1,
        model: "gpt-5.5",
        input_tokens: 1,
        cached_input_tokens: 0,
        output_tokens: 1,
        estimated: false,
    };
    usage::record(&it.db, &call).await?;
    assert!(progress::load(&it.db, lease).await?.unwrap().model_limited_until.is_none());
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_parked_run_can_be_stopped_by_anything_that_stops_runs(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let by_hand = it.start(1).await?;
    park(&it, launched(&it).await?, LimitOf::Model, 600, true).await?;
    assert!(view::request_cancel(&it.db, by_hand, "olga", &entry(FlowKind::CancelRequested)).await?);
    it.start(2).await?;
    sqlx::query("UPDATE agent_runs SET model = 'another' WHERE status = 'pending'").execute(&it.db).await?;
    park(&it, launched(&it).await?, LimitOf::GitHub, 600, false).await?;
    it.deliver("closed", &issue_event("closed", 2, "run:dev", &Utc::now().to_rfc3339())).await?;
    assert_eq!(
        it.count("SELECT count(*) FROM agent_runs WHERE status = 'cancelled' AND finished_at IS NOT NULL").await?,
        2
    );
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_account_writes_no_more_than_github_allows(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let spend = async |writes: i64| outbound::spend(&it.db, BOT, i32::try_from(writes).unwrap(), WORDS).await;
    assert_eq!(spend(WORDS.minute - 1).await?, None);
    assert!(outbound::spend(&it.db, BOT, 1, CHORES).await?.is_some(), "the rest is for what people wait for");
    assert_eq!(spend(1).await?, None);
    assert_eq!(outbound::spend(&it.db, BOT, 1, PULLS).await?, None, "runs wait for it");
    it.wait(1).await?;
    let until = spend(1).await?.unwrap() - clock::now(&it.db).await?;
    assert!(until > TimeDelta::seconds(50) && until <= TimeDelta::seconds(60), "{until}");
    assert_eq!(outbound::spend(&it.db, BOT + 1, 1, WORDS).await?, None, "another account");
    let mut written = WORDS.minute;
    while written + WORDS.minute <= WORDS.hour {
        it.wait(61).await?;
        assert_eq!(spend(WORDS.minute).await?, None);
        written += WORDS.minute;
    }
    it.wait(61).await?;
    let until = spend(WORDS.hour - written + 1).await?.unwrap() - clock::now(&it.db).await?;
    assert!(until > TimeDelta::minutes(50) && until < TimeDelta::minutes(60), "{until}");
    it.wait(3600).await?;
    outbound::forget_writes(&it.db).await?;
    assert_eq!(it.count("SELECT count(*) FROM forge_writes").await?, 0);
    Ok(())
}
