//! Places: how many runs go on at once, and that a full project keeps nobody else waiting.

use std::time::Duration;

use domain::flow::FlowKind;
use domain::run::RunStatus;
use serde_json::json;
use sqlx::PgPool;
use store::flow::Entry;
use store::runs::progress::{self, Ending};
use store::runs::{Lease, lease};

use crate::support::{Installation, installation, plan};

const TTL: Duration = Duration::from_secs(30);

async fn claim_all(it: &Installation) -> anyhow::Result<Vec<Lease>> {
    let mut claimed = Vec::new();
    while let Some(lease) = lease::claim(&it.db, "w1", TTL).await? {
        claimed.push(lease);
    }
    Ok(claimed)
}

async fn finish(it: &Installation, lease: Lease) -> anyhow::Result<()> {
    let ending = Ending {
        status: RunStatus::Succeeded,
        reason: None,
        detail: "",
        launch_failed: false,
        labels: &[],
        flow: Entry::new(FlowKind::RunFinished, "worker:test", json!({})),
    };
    anyhow::ensure!(progress::finish(&it.db, lease, &ending).await?, "the lease is lost");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_role_has_as_many_places_as_its_policy_says(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    for issue in 1..=5 {
        it.start(issue).await?;
    }
    let first = claim_all(&it).await?;
    assert_eq!(first.len(), 2, "two developers a project");
    finish(&it, first[0]).await?;
    assert_eq!(claim_all(&it).await?.len(), 1, "a place that is free again is taken");
    it.allow(4).await?;
    assert_eq!(claim_all(&it).await?.len(), 2, "a changed policy counts for runs that wait");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn project_and_platform_have_limits_of_their_own(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.allow(100).await?;
    it.add_project(7).await?;
    let limits = "UPDATE system_settings SET value = value || '{\"project_parallel_runs\": 3, \
                  \"platform_parallel_runs\": 5}' WHERE key = 'run_limits'";
    sqlx::query(limits).execute(&it.db).await?;
    for issue in 1..=4 {
        it.start(issue).await?;
        it.start_in(7, issue).await?;
    }
    assert_eq!(claim_all(&it).await?.len(), 5);
    let most = "SELECT max(runs) FROM (SELECT count(*) AS runs FROM agent_runs WHERE status = 'running'
                                       GROUP BY project_id) AS by_project";
    assert_eq!(it.count(most).await?, 3);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn workers_that_claim_at_once_do_not_take_more_than_there_is(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.allow(3).await?;
    for issue in 1..=20 {
        it.start(issue).await?;
    }
    let workers = (0..8).map(|_| claim_all(&it));
    let claimed = futures::future::try_join_all(workers).await?.concat();
    assert_eq!(claimed.len(), 3);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_busy_project_never_keeps_another_waiting(db: PgPool) -> anyhow::Result<()> {
    const PROJECTS: i64 = 20;
    let it = installation(db).await?;
    it.allow(2).await?;
    // The first project's 105 runs are all older than anybody else's five.
    for issue in 1..=105 {
        it.start(issue).await?;
    }
    for project in 1000..1000 + PROJECTS - 1 {
        it.add_project(project).await?;
        for issue in 1..=5 {
            it.start_in(project, issue).await?;
        }
    }
    let mut rounds: Vec<usize> = Vec::new();
    loop {
        let running = claim_all(&it).await?;
        if running.is_empty() {
            break;
        }
        rounds.push(running.len());
        let most = "SELECT max(runs) FROM (SELECT count(*) AS runs FROM agent_runs WHERE status = 'running'
                                           GROUP BY project_id, role) AS by_role";
        assert!(it.count(most).await? <= 2);
        for lease in running {
            finish(&it, lease).await?;
        }
    }
    // As long as everybody has work, everybody has both places in every round; then the busy one goes on alone.
    let alone = std::iter::repeat_n(2, 49);
    assert_eq!(rounds, [40, 40, 21].into_iter().chain(alone).chain([1]).collect::<Vec<_>>());
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_waits_is_found_in_the_queues_index_by_the_name_of_the_rule(db: PgPool) -> anyhow::Result<()> {
    let queue =
        |rule: &str| format!("SELECT id FROM agent_runs WHERE {rule} ORDER BY priority DESC, queued_at, id LIMIT 1");
    let by_name = plan(&db, &queue("waits_for_claim(status)")).await?;
    assert_eq!(by_name, plan(&db, &queue("status IN ('pending', 'waiting_backpressure')")).await?);
    assert!(by_name.contains("Index Scan using agent_runs_queue") || by_name.contains("Index Only Scan"), "{by_name}");
    let claim = plan(&db, include_str!("../../src/runs/claim.sql")).await?;
    assert!(claim.contains("agent_runs_queue") && !claim.contains("waits_for_claim"), "{claim}");
    Ok(())
}
