//! How long namespaces live, who goes on in them, and what happens when one does not want to go.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Run, Scene, alone, beside, until, with_worker};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::reviews::taken_up;

/// When a removal counts as hanging: later than the API server knows on a busy machine what it waits for.
const HANGS_AFTER: &str = "20";
/// Until the sweep has taken a namespace away and written that down.
const SWEPT_WITHIN: Duration = Duration::from_secs(180);
/// Until a label's event has been taken in.
const HEARD_WITHIN: Duration = Duration::from_secs(60);
/// The label of what belongs to a run.
const RUN_ID: &str = "codex-k8s.dev/run-id";
/// Holds an object until somebody takes it off.
const HOLD: &str = "codex-k8s.dev/held-by-a-test";

fn namespaces(scene: &Scene) -> Api<Namespace> {
    Api::all(scene.stage.cluster.client.clone())
}

async fn uid(scene: &Scene, namespace: &str) -> Result<String> {
    namespaces(scene).get(namespace).await?.uid().context("a namespace without a UID")
}

/// Moves the end of a run's namespace into the past.
async fn expire(run: &Run<'_>) -> Result<()> {
    let sql = "UPDATE agent_runs SET namespace_expires_at = app_now() - interval '1 minute' WHERE id = $1::uuid";
    let moved = sqlx::query(sql).bind(&run.id).execute(&run.scene.stage.db).await?;
    ensure!(moved.rows_affected() == 1, "no such run");
    Ok(())
}

/// Waits until something was said of a run on its page.
async fn told(run: &Run<'_>, kind: &str, limit: Duration) -> Result<()> {
    until(kind, limit, async || Ok((run.times(kind).await? > 0).then_some(()))).await.map(drop)
}

/// Work whose owner asks for changes, and the run that makes them.
async fn worked_on(scene: &Scene) -> Result<(Run<'_>, u64)> {
    let text = "The greeting takes a name, and the review asks for changes.";
    let run = scene.start("Say who the greeting is for", text).await?;
    let pull = run.handed_in().await?["pr_number"].as_u64().context("no pull request")?;
    Ok((run, pull))
}

async fn ask_for_changes<'a>(scene: &'a Scene, run: &Run<'_>, pull: u64) -> Result<Run<'a>> {
    let asked = json!({ "event": "REQUEST_CHANGES", "body": "Say why, as the reviewer asks." });
    scene.world.api("writer", Method::POST, &format!("/pulls/{pull}/reviews"), &asked).await?;
    taken_up(scene, run).await
}

#[tokio::test]
async fn a_revise_goes_on_in_the_same_namespace() -> Result<()> {
    beside(async |scene| {
        let (run, pull) = worked_on(scene).await?;
        let before = uid(scene, &run.namespace).await?;
        let again = ask_for_changes(scene, &run, pull).await?;
        ensure!(again.namespace == run.namespace, "{} is not {}", again.namespace, run.namespace);
        again.handed_in().await?;
        ensure!(uid(scene, &run.namespace).await? == before, "it was made anew");
        let jobs = scene.stage.cluster.api::<Job>(&run.namespace).list(&ListParams::default()).await?;
        let of: Vec<_> = jobs.items.iter().filter_map(|job| job.labels().get(RUN_ID)).collect();
        ensure!(of == [&again.id], "Jobs of {of:?} are there, and not only that of {}", again.id);
        until("the end of the earlier run's pod", HEARD_WITHIN, async || {
            let pods = scene.stage.cluster.pods(&run.namespace).await?;
            Ok(pods.iter().all(|pod| pod.labels().get(RUN_ID) != Some(&run.id)).then_some(()))
        })
        .await?;
        ensure!(again.times("namespace.taken_over").await? == 1 && again.times("namespace.replaced").await? == 0);
        ensure!(again.failed_launches().await?.is_empty(), "{:?}", again.failed_launches().await?);
        Ok(())
    })
    .await
}

/// A run that was stopped at work; its namespace stands.
async fn stopped<'a>(scene: &'a Scene, title: &str) -> Result<Run<'a>> {
    let run = scene.start(title, "scenario: slow").await?;
    run.working(1).await?;
    run.cancel().await?;
    run.ended_as("cancelled", "cancelled").await?;
    Ok(run)
}

#[tokio::test]
async fn the_debug_label_keeps_a_namespace_past_its_time() -> Result<()> {
    beside(async |scene| {
        let (kept, other) = (stopped(scene, "Look into this").await?, stopped(scene, "Forget this").await?);
        scene.world.label("writer", kept.issue, "run:debug").await?;
        told(&kept, "namespace.kept", HEARD_WITHIN).await?;
        for run in [&kept, &other] {
            expire(run).await?;
        }
        // One sweep takes it away, a later one sees that it is gone: both have looked at the kept one.
        told(&other, "namespace.deleted", SWEPT_WITHIN).await?;
        let stands = namespaces(scene).get(&kept.namespace).await?;
        ensure!(stands.metadata.deletion_timestamp.is_none(), "it is on its way out");

        let path = format!("/issues/{}/labels/run:debug", kept.issue);
        scene.world.api("writer", Method::DELETE, &path, &Value::Null).await?;
        told(&kept, "namespace.released", HEARD_WITHIN).await?;
        let expires = kept.view().await?["namespace_expires_at"].clone();
        ensure!(expires.is_string(), "it has its time again: {expires}");
        expire(&kept).await?;
        told(&kept, "namespace.deleted", SWEPT_WITHIN).await?;
        ensure!(namespaces(scene).get_opt(&kept.namespace).await?.is_none(), "it is still there");
        Ok(())
    })
    .await
}

/// An object that keeps its namespace from going.
async fn hold(scene: &Scene, namespace: &str) -> Result<()> {
    let held = json!({ "metadata": { "name": "held", "finalizers": [HOLD] } });
    let objects = scene.stage.cluster.api::<ConfigMap>(namespace);
    objects.create(&PostParams::default(), &serde_json::from_value(held)?).await?;
    Ok(())
}

async fn let_go(scene: &Scene, namespace: &str) -> Result<()> {
    let nothing = json!({ "metadata": { "finalizers": null } });
    let objects = scene.stage.cluster.api::<ConfigMap>(namespace);
    objects.patch("held", &PatchParams::default(), &Patch::Merge(&nothing)).await?;
    Ok(())
}

#[tokio::test]
async fn a_namespace_that_hangs_in_its_removal_holds_no_run_up() -> Result<()> {
    alone(async |scene| {
        with_worker(&scene.stage.cluster, 1, &[("NAMESPACE_STUCK_SECONDS", HANGS_AFTER)], async || {
            let (run, pull) = worked_on(scene).await?;
            hold(scene, &run.namespace).await?;
            let result = it_hangs(scene, &run, pull).await;
            let_go(scene, &run.namespace).await?;
            result?;
            until("the end of the namespace", HEARD_WITHIN, async || {
                Ok(namespaces(scene).get_opt(&run.namespace).await?.is_none().then_some(()))
            })
            .await?;
            Ok(())
        })
        .await
    })
    .await
}

async fn it_hangs(scene: &Scene, run: &Run<'_>, pull: u64) -> Result<()> {
    // Somebody took it away by hand, so the platform does not know yet that it is going.
    namespaces(scene).delete(&run.namespace, &DeleteParams::default()).await?;
    let again = ask_for_changes(scene, run, pull).await?;
    let seen = again.handed_in().await?;
    ensure!(again.failed_launches().await?.is_empty() && seen["launch"] == 1, "{seen}");
    ensure!(again.times("namespace.replaced").await? == 1, "{:?}", again.timeline().await?);
    let again = scene.found(&seen).await?;
    ensure!(again.namespace != run.namespace, "it is said to work in the one that hangs");

    told(run, "namespace.stuck", SWEPT_WITHIN).await?;
    let timeline = run.timeline().await?;
    let stuck = timeline.iter().find(|flow| flow["kind"] == "namespace.stuck").context("nothing is told")?;
    ensure!(stuck["data"]["detail"].as_str().is_some_and(|on| on.contains(HOLD)), "{stuck}");
    ensure!(run.times("namespace.stuck").await? == 1, "it is told more than once");
    Ok(())
}
