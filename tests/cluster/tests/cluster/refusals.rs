//! Runs that the cluster does not take: refused by admission, or with no node that has room.

use std::time::Duration;

use anyhow::{Result, ensure};
use cluster_tests::{Cluster, Run, alone, beside, later, refusing, until, with_worker};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, ListParams};
use serde_json::{Value, json};

#[tokio::test]
async fn what_admission_refuses_is_named_and_not_repeated() -> Result<()> {
    beside(async |scene| {
        for (what, kind, spec, jobs) in refusable() {
            let cluster = &scene.stage.cluster;
            let run = refusing(cluster, &scene.project, (&kind, spec), async || {
                let run = scene.start(&format!("No {what}"), "Please.").await?;
                run.ended_as("failed", "admission_denied").await?;
                Ok(run)
            })
            .await?;
            let seen = run.view().await?;
            ensure!(seen["launch"] == 1 && seen["attempts"] == 1, "{what}: {seen}");
            let detail = seen["reason_detail"].as_str().unwrap_or_default();
            ensure!(detail.contains("this test refuses it"), "{what}: the policy's words are not passed on: {detail}");
            ensure!(run.times("job.created").await? == jobs, "{what}: {:?}", run.timeline().await?);
            no_job_is_left(cluster, &run).await?;
        }
        Ok(())
    })
    .await
}

/// What is refused, how the API server is asked whether it refuses it already, and how many Jobs come about.
fn refusable() -> [(&'static str, ApiResource, Value, usize); 2] {
    let pod = json!({ "containers": [{ "name": "any", "image": "any" }], "automountServiceAccountToken": false });
    let mut template = pod.clone();
    template["restartPolicy"] = json!("Never");
    let job = json!({ "template": { "spec": template } });
    [("Job", ApiResource::erase::<Job>(&()), job, 0), ("pod", ApiResource::erase::<Pod>(&()), pod, 1)]
}

async fn no_job_is_left(cluster: &Cluster, run: &Run<'_>) -> Result<()> {
    until("the end of the Job", Duration::from_secs(20), async || {
        let jobs = cluster.api::<Job>(&run.namespace).list(&ListParams::default()).await?;
        Ok((jobs.items.is_empty() && cluster.pods(&run.namespace).await?.is_empty()).then_some(()))
    })
    .await?;
    Ok(())
}

/// A pod that wants more than any node has, in a namespace that would give it.
const TOO_MUCH: [(&str, &str); 4] = [
    ("AGENT_CPU_MILLIS", "4000000"),
    ("NAMESPACE_CPU_MILLIS", "8000000"),
    ("RETRY_SECONDS", "1"),
    ("PLACE_WAIT_SECONDS", "60"),
];

/// How long a pod may wait for a place.
const GRACE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_run_that_no_node_can_take_ends_after_three_waits() -> Result<()> {
    alone(async |scene| {
        with_worker(&scene.stage.cluster, 1, &TOO_MUCH, async || {
            let run = scene.start("Anything", "Please.").await?;
            until("a pod without a place", Duration::from_secs(30), async || unplaced(&run).await).await?;
            let seen = run.view().await?;
            ensure!(seen["finished_at"].is_null() && seen["attempts"] == 0, "it does not wait for a place: {seen}");
            later(&scene.stage.db, GRACE, async || {
                let seen = run.ended_as("failed", "unschedulable").await?;
                ensure!(seen["attempts"] == 3 && seen["launch"] == 3, "{seen}");
                ensure!(run.failed_launches().await? == ["unschedulable"; 2], "{:?}", run.failed_launches().await?);
                let detail = seen["reason_detail"].as_str().unwrap_or_default();
                ensure!(detail.contains("Insufficient cpu"), "the scheduler's words are not passed on: {detail}");
                Ok(())
            })
            .await?;
            no_job_is_left(&scene.stage.cluster, &run).await
        })
        .await
    })
    .await
}

/// Whether the scheduler has looked at the run's pod and found no node for it.
async fn unplaced(run: &Run<'_>) -> Result<Option<()>> {
    let pods = run.scene.stage.cluster.pods(&run.namespace).await?;
    let conditions = pods.into_iter().filter_map(|pod| pod.status?.conditions).flatten();
    let found = conditions.filter(|one| one.type_ == "PodScheduled" && one.status == "False").count();
    Ok((found > 0).then_some(()))
}
