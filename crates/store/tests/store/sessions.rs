//! Snapshots of sessions and working trees: which one stays, and whose a run goes on with.

use std::time::Duration;

use domain::flow::FlowKind;
use domain::ids::RunId;
use serde_json::json;
use sqlx::PgPool;
use store::agent_sessions::{self, Resumable};
use store::agent_worktrees;
use store::flow::Entry;
use store::runs::{lease, progress};
use uuid::Uuid;

use crate::support::{Installation, installation};

const PATH: &str = "sessions/2026/11/22/rollout-a.jsonl";

async fn keep_session(it: &Installation, run: RunId, (launch, version): (i32, i64), what: &str) -> anyhow::Result<()> {
    let snapshot = agent_sessions::Snapshot {
        run,
        launch,
        version,
        session_id: run.0,
        path: PATH,
        sha256: what,
        sealed: what.as_bytes(),
    };
    Ok(agent_sessions::keep(&it.db, &snapshot).await?)
}

async fn keep_tree(it: &Installation, run: RunId, (launch, version): (i32, i64), what: &str) -> anyhow::Result<()> {
    let size = what.len().try_into()?;
    let snapshot = agent_worktrees::Snapshot { run, launch, version, sha256: what, size, sealed: what.as_bytes() };
    Ok(agent_worktrees::keep(&it.db, &snapshot).await?)
}

/// What the run goes on with, as `session+tree`, and whose that is.
async fn goes_on_with(it: &Installation, run: RunId) -> anyhow::Result<Option<(RunId, String)>> {
    let found = agent_sessions::resumable(&it.db, run).await?;
    Ok(found.map(|Resumable { run, sha256, worktree_sha256, .. }| {
        (RunId(run), format!("{sha256}+{}", worktree_sha256.unwrap_or_default()))
    }))
}

async fn let_resume(it: &Installation, run: RunId, earlier: RunId) -> anyhow::Result<()> {
    sqlx::query("UPDATE agent_runs SET resumes = $2 WHERE id = $1").bind(run.0).bind(earlier.0).execute(&it.db).await?;
    Ok(())
}

/// Starts a run and its first launch.
async fn launched(it: &Installation, issue: i64) -> anyhow::Result<RunId> {
    let run = it.start(issue).await?;
    sqlx::query("UPDATE agent_runs SET launch = 1 WHERE id = $1").bind(run.0).execute(&it.db).await?;
    Ok(run)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_newest_snapshot_stays_and_an_earlier_launch_changes_nothing(db: PgPool) -> anyhow::Result<()> {
    const TTL: Duration = Duration::from_secs(30);
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let claimed = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    progress::open_launch(&it.db, claimed).await?;
    for (version, what) in [(1, "one"), (3, "three"), (2, "two"), (3, "three again")] {
        keep_session(&it, run, (1, version), what).await?;
        keep_tree(&it, run, (1, version), what).await?;
    }
    assert_eq!(goes_on_with(&it, run).await?, Some((run, "three+three".into())));

    let failed = Entry::new(FlowKind::LaunchFailed, "worker:w1", json!({}));
    progress::requeue(&it.db, claimed, Duration::ZERO, &failed).await?;
    let claimed = lease::claim(&it.db, "w1", TTL).await?.unwrap();
    assert_eq!(progress::open_launch(&it.db, claimed).await?, Some(2));
    keep_session(&it, run, (1, 9), "late").await?;
    keep_tree(&it, run, (1, 9), "late").await?;
    assert_eq!(goes_on_with(&it, run).await?, Some((run, "three+three".into())), "a launch that is over keeps nothing");
    keep_session(&it, run, (2, 1), "four").await?;
    assert_eq!(goes_on_with(&it, run).await?, Some((run, "four+three".into())));
    keep_tree(&it, run, (2, 1), "five").await?;
    assert_eq!(goes_on_with(&it, run).await?, Some((run, "four+five".into())));
    assert_eq!(agent_sessions::sealed(&it.db, run).await?.as_deref(), Some("four".as_bytes()));
    assert_eq!(agent_worktrees::sealed(&it.db, run).await?.as_deref(), Some("five".as_bytes()));
    assert_eq!(it.count("SELECT size FROM agent_worktrees").await?, 4);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_run_goes_on_with_its_own_session_else_with_that_of_the_run_it_resumes(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (first, second, third) = (launched(&it, 1).await?, launched(&it, 2).await?, launched(&it, 3).await?);
    let_resume(&it, second, first).await?;
    let_resume(&it, third, second).await?;
    assert_eq!(goes_on_with(&it, third).await?, None, "nobody has a session");
    keep_session(&it, first, (1, 1), "first").await?;
    keep_tree(&it, first, (1, 1), "tree").await?;
    assert_eq!(goes_on_with(&it, third).await?, Some((first, "first+tree".into())));
    keep_session(&it, second, (1, 1), "second").await?;
    assert_eq!(goes_on_with(&it, third).await?, Some((second, "second+".into())), "the first run's tree is of another");
    keep_tree(&it, third, (1, 1), "stray").await?;
    assert_eq!(goes_on_with(&it, third).await?, Some((second, "second+".into())), "a tree without its session");
    keep_session(&it, third, (1, 1), "third").await?;
    assert_eq!(goes_on_with(&it, third).await?, Some((third, "third+stray".into())));
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_chain_that_bites_its_tail_ends(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (one, other) = (launched(&it, 1).await?, launched(&it, 2).await?);
    let_resume(&it, one, other).await?;
    let_resume(&it, other, one).await?;
    assert_eq!(goes_on_with(&it, one).await?, None);
    assert!(let_resume(&it, one, one).await.is_err(), "a run cannot resume itself");
    assert!(let_resume(&it, one, RunId(Uuid::now_v7())).await.is_err(), "nor one that is not there");
    Ok(())
}
