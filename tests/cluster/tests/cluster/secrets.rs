//! A secret that people let an agent have put into an environment, on GitHub and in the cluster, an hour after it was asked
//! for: the agent's pod is gone meanwhile, and every program of the platform was killed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Scene, alone, kill_container, later, until};
use k8s_openapi::api::core::v1::Namespace;
use reqwest::Method;
use serde_json::json;

use crate::approvals::{approve, waits};
use crate::label::{no_log_tells, none_is_kept_in_clear};

/// From a kill to a program that is ready again.
const BACK_WITHIN: Duration = Duration::from_secs(120);
const HOUR: Duration = Duration::from_hours(1);

/// How often the containers of a program were started again, and whether all of them are ready.
async fn restarts(scene: &Scene, program: &str) -> Result<(i32, bool)> {
    let pods = scene.stage.cluster.serving(program).await?;
    let containers: Vec<_> = pods
        .into_iter()
        .flat_map(|pod| pod.status.and_then(|status| status.container_statuses).unwrap_or_default())
        .collect();
    let ready = !containers.is_empty() && containers.iter().all(|one| one.ready);
    Ok((containers.iter().map(|one| one.restart_count).sum(), ready))
}

/// Kills every program of the platform, and waits until each was started again and people are answered: the node leads
/// nobody to a program yet at the moment it becomes ready.
async fn everything_dies(scene: &Scene) -> Result<()> {
    let cluster = &scene.stage.cluster;
    let mut killed = Vec::new();
    for program in ["worker", "control-plane", "api-gateway"] {
        let (before, _) = restarts(scene, program).await?;
        for pod in cluster.serving(program).await? {
            kill_container(pod.metadata.uid.as_deref().context("a pod without a UID")?)?;
        }
        killed.push((program, before));
    }
    for (program, before) in killed {
        until(&format!("{program} again"), BACK_WITHIN, async || {
            let (now, ready) = restarts(scene, program).await?;
            Ok((now > before && ready).then_some(()))
        })
        .await?;
    }
    until("an answer", BACK_WITHIN, async || Ok(scene.owner.get("me").await.ok())).await?;
    Ok(())
}

#[tokio::test]
async fn a_secret_reaches_github_and_the_cluster_with_leave_and_the_same_session_goes_on() -> Result<()> {
    alone(async |scene| {
        scene.world.api("owner", Method::PUT, "/environments/staging", &json!({})).await?;
        let staging = json!({ "name": "staging", "kind": "staging", "allows_secrets": true, "allows_databases": true });
        let staging = scene.owner.post(&format!("projects/{}/environments", scene.project), &staging).await?;
        let namespace = staging["namespace"].as_str().context("no namespace")?;

        let run = scene.start_stage("ops", "Sessions end with each restart", "scenario: secret\n").await?;
        let request = waits(scene, &run).await?;
        ensure!(scene.world.secret("staging", "SESSION_KEY").await?.is_none(), "done without leave");
        ensure!(request["action"]["secret"]["namespace"] == namespace, "{request}");
        later(&scene.stage.db, HOUR, async || {
            everything_dies(scene).await?;
            let kept = waits(scene, &run).await?;
            ensure!(kept["id"] == request["id"] && kept["state"] == "requested", "{kept}");
            approve(scene, &request).await?;
            let seen = run.handed_in().await?;
            ensure!(seen["launch"] == 2 && seen["attempts"] == 0, "{seen}");
            Ok(())
        })
        .await?;
        ensure!(run.times("request.applied").await? == 1, "it was told more than once that it is done");

        let github = scene.world.secret("staging", "SESSION_KEY").await?.context("GitHub has no secret")?;
        let there = scene.stage.cluster.secret(namespace, "shop").await?;
        ensure!(there.get("SESSION_KEY") == Some(&github), "the two places differ");
        ensure!(scene.stage.asked_of_the_model(&github).await?.is_empty(), "the model was told the value");
        let unsaid = [("the secret".to_owned(), github)];
        none_is_kept_in_clear(scene, &run, &unsaid).await?;
        no_log_tells(scene, &run, &unsaid).await?;
        let told = scene.stage.asked_of_the_model("the platform has done it").await?;
        ensure!(told.iter().any(|input| input.to_string().contains("SESSION_KEY")), "{told:?}");
        let namespaces = kube::Api::<Namespace>::all(scene.stage.cluster.client.clone());
        let labels = namespaces.get(namespace).await?.metadata.labels.unwrap_or_default();
        ensure!(labels.get("codex-k8s.dev/purpose").map(String::as_str) == Some("environment"), "{labels:?}");
        // Nothing of the platform's removes an environment.
        namespaces.delete(namespace, &kube::api::DeleteParams::default()).await?;
        Ok(())
    })
    .await
}
