//! A secret that people let an agent have put into an environment: on GitHub and in the cluster, with the agent's pod gone
//! meanwhile.

use anyhow::{Context, Result, ensure};
use cluster_tests::beside;
use k8s_openapi::api::core::v1::Namespace;
use reqwest::Method;
use serde_json::json;

use crate::approvals::{approve, waits};

#[tokio::test]
async fn a_secret_reaches_github_and_the_cluster_with_leave_and_the_same_session_goes_on() -> Result<()> {
    beside(async |scene| {
        scene.world.api("owner", Method::PUT, "/environments/staging", &json!({})).await?;
        let staging = json!({ "name": "staging", "kind": "staging", "allows_secrets": true, "allows_databases": true });
        let staging = scene.owner.post(&format!("projects/{}/environments", scene.project), &staging).await?;
        let namespace = staging["namespace"].as_str().context("no namespace")?;

        let run = scene.start_stage("ops", "Sessions end with each restart", "scenario: secret\n").await?;
        let request = waits(scene, &run).await?;
        ensure!(scene.world.secret("staging", "SESSION_KEY").await?.is_none(), "done without leave");
        ensure!(request["action"]["secret"]["namespace"] == namespace, "{request}");
        approve(scene, &request).await?;

        let seen = run.handed_in().await?;
        ensure!(seen["launch"] == 2 && seen["attempts"] == 0, "{seen}");
        let github = scene.world.secret("staging", "SESSION_KEY").await?.context("GitHub has no secret")?;
        let there = scene.stage.cluster.secret(namespace, "shop").await?;
        ensure!(there.get("SESSION_KEY") == Some(&github), "the two places differ");
        ensure!(scene.stage.asked_of_the_model(&github).await?.is_empty(), "the model was told the value");
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
