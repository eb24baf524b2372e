//! Workers that die, and workers that share the work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cluster_tests::{Frozen, Run, Scene, alone, kill_container, until, with_worker, without_right};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;

/// How long a lease lasts, and what the promise adds to it.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(30 + 5);

/// What two workers share.
const RUNS: usize = 50;
/// As many as the node has room for: the scheduler keeps no order among pods that wait for a place, and a run whose pod
/// waits for a minute is launched once more.
const AT_ONCE: usize = 3;
/// Three minutes with three at once; a role may have fewer places in its project than that.
const ALL_WITHIN: Duration = Duration::from_secs(420);

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
                let seen = run.handed_in().await?;
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

async fn kill_worker(scene: &Scene, owner: &str) -> Result<()> {
    kill_container(pod_of(scene, owner).await?.metadata.uid.as_deref().context("a pod without a UID")?)
}

/// The pod of the worker of this name: the pod's name and a start number.
async fn pod_of(scene: &Scene, owner: &str) -> Result<Pod> {
    let name = owner.split('/').next().unwrap_or_default();
    let mut workers = scene.stage.cluster.serving("worker").await?;
    workers.retain(|pod| pod.metadata.name.as_deref() == Some(name));
    workers.pop().with_context(|| format!("no worker is {owner}"))
}

/// What happened to the run after it was taken over was written by the second worker, or by the agent.
async fn only_the_second_writes(run: &Run<'_>, first: &str, second: &str) -> Result<()> {
    let flows = run.timeline().await?;
    let after = flows.iter().skip_while(|flow| flow["kind"] != "run.taken_over");
    let by_workers =
        after.map(|flow| flow["actor"].as_str().unwrap_or_default()).filter(|actor| actor.starts_with("worker:"));
    let strangers: Vec<_> = by_workers.filter(|actor| *actor != format!("worker:{second}")).collect();
    ensure!(strangers.is_empty(), "{first} wrote after {second} had the run: {flows:?}");
    let sql = "SELECT lease_token FROM agent_runs WHERE id = $1::uuid";
    let token: i64 = sqlx::query_scalar(sql).bind(&run.id).fetch_one(&run.scene.stage.db).await?;
    ensure!(token == 2, "claimed and taken over, and the lease's token is {token}");
    Ok(())
}

/// The worker is the process that it was, and ready again.
async fn lives_on(scene: &Scene, worker: &str, ids: &[i32]) -> Result<()> {
    until("the frozen worker, ready again", Duration::from_secs(20), async || {
        let pod = pod_of(scene, worker).await?;
        ensure!(Frozen::is_alive(ids, pod.metadata.uid.as_deref().unwrap_or_default())?, "it was started anew");
        let status = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
        Ok(status.iter().all(|one| one.ready && one.restart_count == 0).then_some(()))
    })
    .await?;
    Ok(())
}

async fn launched_once(scene: &Scene, run: &Run<'_>) -> Result<()> {
    let jobs = scene.stage.cluster.api::<Job>(&run.namespace).list(&ListParams::default()).await?;
    let created = run.times("job.created").await?;
    ensure!(jobs.items.len() == 1 && created == 1, "{} Jobs, {created} times made", jobs.items.len());
    Ok(())
}

/// So short that the kubelet does not miss the frozen worker before another worker does.
const SHORT_LEASE: [(&str, &str); 1] = [("LEASE_TTL_SECONDS", "9")];

#[tokio::test]
async fn a_frozen_worker_that_goes_on_changes_nothing() -> Result<()> {
    alone(async |scene| {
        with_worker(&scene.stage.cluster, 2, &SHORT_LEASE, async || {
            let (run, first, frozen) = frozen_in_a_launch(scene).await?;
            // Another worker has the run, and may make its Job.
            let second = owner_once(scene, &run, "job_uid IS NOT NULL").await?;
            ensure!(second != first, "{first} was not taken from");
            let ids = frozen.ids();
            // In the middle of what it was doing for the run.
            drop(frozen);
            let seen = run.handed_in().await?;
            ensure!(seen["launch"] == 1 && seen["attempts"] == 0, "{seen}");
            ensure!(run.times("run.taken_over").await? == 1, "{:?}", run.timeline().await?);
            launched_once(scene, &run).await?;
            only_the_second_writes(&run, &first, &second).await?;
            lives_on(scene, &first, &ids).await
        })
        .await
    })
    .await
}

/// A run whose worker is stopped in the middle of its launch, until its lease is over and another has taken the run:
/// without the right to make Jobs a launch stays where the namespace is ready.
async fn frozen_in_a_launch(scene: &Scene) -> Result<(Run<'_>, String, Frozen)> {
    without_right(&scene.stage.cluster, "codex-k8s-run-manager", ("create", "jobs"), async || {
        let run = scene.start("Note this", "Please.").await?;
        let first = owner_once(scene, &run, "namespace_uid IS NOT NULL").await?;
        let pod = pod_of(scene, &first).await?;
        let frozen = Frozen::freeze(pod.metadata.uid.as_deref().context("a pod without a UID")?)?;
        let (_, waited) = until("the takeover", TAKEN_OVER_WITHIN, async || {
            Ok((run.times("run.taken_over").await? > 0).then_some(()))
        })
        .await?;
        println!("frozen in its launch: taken over after {waited:?}");
        ensure!(run.times("job.created").await? == 0, "the Job was there before the worker was stopped");
        Ok((run, first, frozen))
    })
    .await
}

#[tokio::test]
async fn two_workers_launch_each_run_once() -> Result<()> {
    alone(async |scene| {
        with_worker(&scene.stage.cluster, 2, &[], async || {
            let (runs, took) = all_played(scene).await?;
            let mut shares = BTreeMap::<String, usize>::new();
            let all = scene.owner.get(&format!("runs?repository_id={}&limit={RUNS}", scene.repository)).await?;
            let all = all["items"].as_array().context("no runs")?;
            for run in &runs {
                let seen = all.iter().find(|seen| seen["id"] == run.id.as_str()).context("a run is not listed")?;
                ensure!(
                    seen["status"] == "waiting_owner_review" && seen["launch"] == 1 && seen["attempts"] == 0,
                    "{seen}"
                );
                *shares.entry(launched_by(run).await?).or_default() += 1;
            }
            println!("{RUNS} runs, {AT_ONCE} at once, in {took:?}: {:?}", shares.values());
            ensure!(shares.len() == 2, "both workers were to take part: {shares:?}");
            Ok(())
        })
        .await
    })
    .await
}

/// Starts one run after the other, as long as there are fewer than may be at once, and waits for the last one's end.
async fn all_played(scene: &Scene) -> Result<(Vec<Run<'_>>, Duration)> {
    let mut runs = Vec::new();
    let path = format!("runs?repository_id={}&limit={RUNS}", scene.repository);
    let played = until("the end of all runs", ALL_WITHIN, async || {
        let page = scene.owner.get(&path).await?;
        let is_open = |run: &&serde_json::Value| run["finished_at"].is_null() && run["handed_in_at"].is_null();
        let unfinished = page["items"].as_array().into_iter().flatten().filter(is_open);
        let unfinished = unfinished.count();
        if runs.len() < RUNS && unfinished < AT_ONCE {
            runs.push(scene.start(&format!("Note number {}", runs.len()), "Please.").await?);
            return Ok(None);
        }
        Ok((unfinished == 0).then_some(()))
    });
    let ((), took) = played.await?;
    Ok((runs, took))
}

/// The worker that claimed a run which was claimed once and has had one Job.
async fn launched_by(run: &Run<'_>) -> Result<String> {
    let flows = run.timeline().await?;
    let of = |kind: &'static str| flows.iter().filter(move |flow| flow["kind"] == kind);
    let jobs = run.scene.stage.cluster.api::<Job>(&run.namespace).list(&ListParams::default()).await?.items.len();
    let once = of("run.claimed").count() == 1 && of("run.taken_over").count() == 0 && of("job.created").count() == 1;
    ensure!(once && jobs == 1, "{jobs} Jobs: {flows:?}");
    Ok(of("run.claimed").map(|flow| flow["actor"].as_str().unwrap_or_default()).collect())
}
