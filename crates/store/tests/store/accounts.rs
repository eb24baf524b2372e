//! Accounts for changes: wished for by runs that work, once, and by nobody for ever.

use std::time::Duration;

use anyhow::Context;
use domain::ids::RunId;
use domain::stages::Right;
use sqlx::PgPool;
use store::runs::{accounts, lease};

use crate::support::{Installation, installation};

async fn running(it: &Installation, issue: i64) -> anyhow::Result<RunId> {
    it.start(issue).await?;
    Ok(lease::claim(&it.db, "w1", Duration::from_secs(600)).await?.context("no run waits")?.run)
}

async fn wanted(it: &Installation) -> anyhow::Result<Vec<RunId>> {
    Ok(accounts::wanted(&it.db).await?.into_iter().map(|row| row.run_id).collect())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_wish_is_one_however_often_it_is_made_and_over_when_it_is_met(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let waiting = it.start(1).await?;
    accounts::want(&it.db, waiting).await?;
    assert_eq!(wanted(&it).await?, [], "it does not run yet");

    let run = lease::claim(&it.db, "w1", Duration::from_secs(600)).await?.context("no run waits")?.run;
    for _ in 0..2 {
        accounts::want(&it.db, run).await?;
    }
    let rows = accounts::wanted(&it.db).await?;
    let [row] = rows.as_slice() else { anyhow::bail!("{rows:?}") };
    assert_eq!((row.run_id, row.subject_number, row.role.as_str()), (run, 1, "dev"));
    assert!(row.surroundings().has(Right::Change));
    accounts::made(&it.db, run).await?;
    assert_eq!(wanted(&it).await?, []);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_nobody_waits_for_any_more_is_forgotten(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.allow(10).await?;
    let (first, ended) = (running(&it, 1).await?, running(&it, 2).await?);
    accounts::want(&it.db, first).await?;
    accounts::want(&it.db, ended).await?;
    assert_eq!(wanted(&it).await?, [first, ended]);
    sqlx::query("UPDATE agent_runs SET status = 'failed', finished_at = app_now() WHERE id = $1")
        .bind(ended.0)
        .execute(&it.db)
        .await?;
    assert_eq!(wanted(&it).await?, [first]);
    it.wait(61).await?;
    assert_eq!(wanted(&it).await?, []);
    accounts::want(&it.db, running(&it, 3).await?).await?;
    assert_eq!(it.count("SELECT count(*) FROM change_accounts").await?, 1);
    Ok(())
}
