//! Pods of a full environment reach each other, and no pod of anybody else; those of code-only runs reach none at all.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, ensure};
use cluster_tests::{Cluster, answers, beside, surrounded, until};
use domain::stages::{Mode, Right};
use domain::surroundings::Surroundings;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use serde_json::json;

const PORT: u16 = 7777;
/// The API server, past its Service.
const API_SERVER: &str = "172.31.255.1:6443";

#[tokio::test]
async fn only_pods_of_the_same_full_environment_reach_each_other() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        let full = || Surroundings::of(Mode::FullEnv, Right::ALL.iter().copied());
        surrounded(cluster, ("dev", full()), async |own| {
            surrounded(cluster, ("qa", full()), async |other| {
                surrounded(cluster, ("km", Surroundings::of(Mode::CodeOnly, [])), async |closed| {
                    let places = [own, own, other, closed, closed].map(|run| run.namespace.as_str());
                    let pods = places.iter().enumerate().map(|(at, &place)| listen(cluster, place, at));
                    all_are_kept_apart(cluster, &try_join_all(pods).await?).await
                })
                .await
            })
            .await
        })
        .await
    })
    .await
}

async fn all_are_kept_apart(cluster: &Cluster, pods: &[Listener<'_>]) -> Result<()> {
    let [own, neighbour, other, closed, closed_neighbour] = pods else { anyhow::bail!("five pods") };
    for (from, to) in [(own, neighbour), (neighbour, own)] {
        until("the way to a neighbour", Duration::from_secs(10), async || {
            Ok(from.reaches(cluster, to.address).await?.then_some(()))
        })
        .await?;
    }
    let apart = [
        (own, other),
        (other, own),
        (own, closed),
        (closed, own),
        (closed, closed_neighbour),
        (closed_neighbour, closed),
    ];
    for (from, to) in apart {
        ensure!(!from.reaches(cluster, to.address).await?, "{} reaches {}", from.namespace, to.namespace);
    }
    for pod in pods {
        ensure!(!pod.reaches(cluster, API_SERVER.parse()?).await?, "{} reaches the API server", pod.namespace);
        let token = cluster.shell(pod.namespace, &pod.name, "ls /var/run/secrets/kubernetes.io").await?;
        ensure!(token.is_empty(), "{} has a token of its account: {token}", pod.namespace);
    }
    Ok(())
}

/// A pod that answers whoever reaches it.
struct Listener<'a> {
    namespace: &'a str,
    name: String,
    address: SocketAddr,
}

impl Listener<'_> {
    async fn reaches(&self, cluster: &Cluster, target: SocketAddr) -> Result<bool> {
        let (ip, port) = (target.ip(), target.port());
        let script =
            format!("timeout 2 bash -c 'exec 3<>/dev/tcp/{ip}/{port}' 2>/dev/null && echo open || echo closed");
        Ok(cluster.shell(self.namespace, &self.name, &script).await?.trim() == "open")
    }
}

/// A pod under the run's account. It must be seen answering: what answers nobody proves nothing.
async fn listen<'a>(cluster: &Cluster, namespace: &'a str, at: usize) -> Result<Listener<'a>> {
    let name = format!("listener-{at}");
    let pod = pod(&name, &cluster.agent_image().await?);
    cluster.api::<Pod>(namespace).create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    let (ip, _) = until("a pod that listens", Duration::from_secs(60), async || {
        let status = cluster.api::<Pod>(namespace).get(&name).await?.status.unwrap_or_default();
        let Some(ip) = status.pod_ip.and_then(|ip| ip.parse::<IpAddr>().ok()) else { return Ok(None) };
        Ok(answers(SocketAddr::new(ip, PORT)).await.then_some(ip))
    })
    .await?;
    Ok(Listener { namespace, name, address: SocketAddr::new(ip, PORT) })
}

fn pod(name: &str, image: &str) -> serde_json::Value {
    json!({
        "metadata": { "name": name },
        "spec": {
            "serviceAccountName": "agent",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 1000,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [{
                "name": "listener",
                "image": image,
                "command": ["python3", "-m", "http.server", PORT.to_string(), "--directory", "/tmp"],
                "resources": { "requests": { "cpu": "10m", "memory": "32Mi" } },
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    })
}
