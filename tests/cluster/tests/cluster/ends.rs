//! How runs end otherwise than well: cancelled, late, out of memory, refused by a quota, gone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Cluster, PLATFORM, Run, alone, beside, sacrifice, until, with_worker};
use k8s_openapi::api::core::v1::{ResourceQuota, Service};
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

/// From a stop to what follows from it on a busy machine; how long it really took is printed.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_cancelled_run_loses_pod_and_token() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Take your time", "scenario: slow").await?;
        run.working(1).await?;
        let token = run.token(1).await?;
        let agents = Agents::of(&scene.stage.cluster).await?;
        let receive = format!("git/{}.git/info/refs?service=git-receive-pack", scene.world.full_name());
        for path in ["api/v1/run/context", &receive] {
            let status = agents.status(&token, path).await?;
            ensure!(status == 200, "{path} is answered {status} while the run works");
        }
        run.cancel().await?;
        let refused = until("the refusal of the token", SOON, async || {
            let status = agents.status(&token, "api/v1/run/context").await?;
            Ok((status == 401 || status == 403).then_some(()))
        });
        let gone = until("the end of the pod", SOON, async || {
            Ok(scene.stage.cluster.pods(&run.namespace).await?.is_empty().then_some(()))
        });
        let (refused, gone) = tokio::try_join!(refused, gone)?;
        println!("token refused after {:?}, pod gone after {:?}", refused.1, gone.1);
        run.ended_as("cancelled", "cancelled").await?;
        for path in ["api/v1/run/context".to_owned(), receive] {
            until("no token any more", SOON, async || Ok((agents.status(&token, &path).await? == 401).then_some(())))
                .await?;
        }
        Ok(())
    })
    .await
}

/// The agents listener, asked from the node.
struct Agents {
    http: reqwest::Client,
    base: String,
}

impl Agents {
    async fn of(cluster: &Cluster) -> Result<Self> {
        let service = cluster.api::<Service>(PLATFORM).get("api-gateway-agents").await?;
        let address = service.spec.and_then(|spec| spec.cluster_ip).context("a Service without an address")?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { http, base: format!("http://{address}:8081") })
    }

    async fn status(&self, token: &str, path: &str) -> Result<u16> {
        Ok(self.http.get(format!("{}/{path}", self.base)).bearer_auth(token).send().await?.status().as_u16())
    }
}

#[tokio::test]
async fn a_pod_that_is_lost_is_made_anew_until_the_cap() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        let run = scene.start("Take your time", "scenario: slow").await?;
        let pod = run.working(1).await?;
        cluster.delete_pod(&run.namespace, &pod).await?;
        let pod = run.working(2).await?;
        ensure!(run.failed_launches().await? == ["vanished"], "{:?}", run.failed_launches().await?);
        let none = json!({ "metadata": { "name": "none" }, "spec": { "hard": { "pods": "0" } } });
        let quotas = cluster.api::<ResourceQuota>(&run.namespace);
        quotas.create(&PostParams::default(), &serde_json::from_value(none)?).await?;
        cluster.evict(&run.namespace, &pod).await?;
        let seen = run.ended_as("failed", "quota").await?;
        ensure!(run.failed_launches().await? == ["vanished", "evicted"], "{:?}", run.failed_launches().await?);
        ensure!(seen["attempts"] == 3 && seen["launch"] == 3, "{seen}");
        quotas.delete("none", &DeleteParams::default()).await?;
        Ok(())
    })
    .await
}

/// Many small processes that together need more than a pod may have.
const EAT: &str = "for i in $(seq 120); do head -c 30000000 /dev/zero | tail -c 30000000 | sleep 60 & done; wait";

#[tokio::test]
async fn a_run_that_eats_all_memory_ends_and_is_not_repeated() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Take your time", "scenario: slow").await?;
        let name = run.working(1).await?;
        let pod = run.pod().await?.context("no pod")?;
        sacrifice(&pod.metadata.uid.context("a pod without a UID")?, "agent-runner")?;
        let (ate, seen) =
            tokio::join!(scene.stage.cluster.shell(&run.namespace, &name, EAT), run.ended_as("failed", "oom"));
        // The connection ends with the container.
        drop(ate);
        ensure!(seen?["launch"] == 1, "a launch that ran out of memory was repeated");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_run_past_its_time_is_stopped() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Take your time", "scenario: slow").await?;
        run.working(1).await?;
        let sql = "UPDATE agent_runs SET deadline_at = app_now() WHERE id = $1::uuid";
        sqlx::query(sql).bind(&run.id).execute(&scene.stage.db).await?;
        run.ended_as("timed_out", "timeout").await?;
        no_pod_is_left(&scene.stage.cluster, &run).await
    })
    .await
}

async fn no_pod_is_left(cluster: &Cluster, run: &Run<'_>) -> Result<()> {
    let pods = cluster.pods(&run.namespace).await?;
    ensure!(pods.is_empty(), "the run is over, and its pod is there");
    Ok(())
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named() -> Result<()> {
    alone(async |scene| {
        let absent = [("AGENT_IMAGE", "registry.invalid/agent:absent"), ("RETRY_SECONDS", "1")];
        with_worker(&scene.stage.cluster, 1, &absent, async || {
            let run = scene.start("Anything", "Please.").await?;
            let seen = run.ended_as("failed", "image_pull").await?;
            ensure!(seen["attempts"] == 3, "{seen}");
            ensure!(run.failed_launches().await? == ["image_pull", "image_pull"], "{:?}", run.failed_launches().await?);
            Ok(())
        })
        .await
    })
    .await
}
