//! Workers that die, and workers that share the work.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cluster_tests::{Run, Scene, alone, kill_container, until, with_worker};
use k8s_openapi::api::batch::v1::Job;
use kube::api::ListParams;

/// How long a lease lasts, and what the promise adds to it.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(30 + 5);

/// More than the node has room for at once.
const RUNS: usize = 6;

/// The moments of a launch that a row shows.
const MOMENTS: [&str; 3] = ["lease_owner IS NOT NULL", "namespace_uid IS NOT NULL", "job_uid IS NOT NULL"];

#[tokio::test]
async fn a_killed_workers_run_is_taken_over_and_launched_once() -> Result<()> {
    alone(async |scene| {
        with_worker(&scene.stage.cluster, 2, &[], async || {
            for moment in MOMENTS {
                let run = scene.start("Note this", "Please.").await?;
                let owner = owner_once(scene, &run, moment).await?;
                let killed = Instant::now();
                kill_worker(scene, &owner).await?;
                let (_, waited) = until("the takeover", TAKEN_OVER_WITHIN, async || {
                    let taken = run.times("run.taken_over").await? > 0;
                    Ok((taken || !run.view().await?["finished_at"].is_null()).then_some(()))
                })
                .await
                .with_context(|| format!("killed when {moment}"))?;
                println!("killed when {moment}: taken over after {waited:?} ({:?})", killed.elapsed());
                let seen = run.ended_as("succeeded", "").await?;
                ensure!(seen["launch"] == 1 && seen["attempts"] == 0, "killed when {moment}: {seen}");
                ensure!(run.times("run.taken_over").await? == 1, "killed when {moment}: nobody had to take over");
                launched_once(scene, &run).await?;
            }
            Ok(())
        })
        .await
    })
    .await
}

/// Who holds the run's lease at the first look at which the row shows this moment.
async fn owner_once(scene: &Scene, run: &Run<'_>, moment: &str) -> Result<String> {
    let sql = format!("SELECT lease_owner FROM agent_runs WHERE id = '{}' AND {moment}", run.id);
    let look = async || {
        let query = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql.clone()));
        Ok(query.fetch_optional(&scene.stage.db).await?)
    };
    Ok(until(moment, Duration::from_secs(30), look).await?.0)
}

/// Kills the worker of this name: its pod's name and a start number.
async fn kill_worker(scene: &Scene, owner: &str) -> Result<()> {
    let name = owner.split('/').next().unwrap_or_default();
    let workers = scene.stage.cluster.serving("worker").await?;
    let pod = workers.iter().find(|pod| pod.metadata.name.as_deref() == Some(name));
    let uid = pod.and_then(|pod| pod.metadata.uid.as_deref()).with_context(|| format!("no worker is {owner}"))?;
    kill_container(uid)
}

async fn launched_once(scene: &Scene, run: &Run<'_>) -> Result<()> {
    let jobs = scene.stage.cluster.api::<Job>(&run.namespace).list(&ListParams::default()).await?;
    let created = run.times("job.created").await?;
    ensure!(jobs.items.len() == 1 && created == 1, "{} Jobs, {created} times made", jobs.items.len());
    Ok(())
}

#[tokio::test]
async fn two_workers_launch_each_run_once() -> Result<()> {
    alone(async |scene| {
        with_worker(&scene.stage.cluster, 2, &[], async || {
            let mut runs = Vec::new();
            for number in 0..RUNS {
                runs.push(scene.start(&format!("Note number {number}"), "Please.").await?);
            }
            for run in &runs {
                let seen = run.ended_as("succeeded", "").await?;
                ensure!(seen["launch"] == 1 && run.times("run.claimed").await? == 1, "{seen}");
                launched_once(scene, run).await?;
            }
            Ok(())
        })
        .await
    })
    .await
}
