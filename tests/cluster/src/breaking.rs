//! Taking away what the platform stands on, and always giving it back.

use std::fs;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::cluster::{Cluster, PLATFORM};
use crate::patience::until;
use crate::stage::variable;

/// Runs `work` on a node whose policy enforcer is stopped.
///
/// # Errors
/// Those of `work`, or when the enforcer cannot be stopped or started.
pub async fn enforcer<T>(work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
    component("stop").await?;
    let result = work().await;
    component("start").await?;
    result
}

async fn component(action: &str) -> Result<()> {
    let output =
        Command::new(variable("CODEXK8S_XTASK")?).args(["stack", "component", action, "netpol"]).output().await?;
    ensure!(output.status.success(), "{action} netpol: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Runs `work` with so many workers, which have these further settings (`CODEXK8S_` is put before their names).
///
/// # Errors
/// Those of `work`, or when a rollout hangs.
pub async fn with_worker<T>(
    cluster: &Cluster,
    replicas: i32,
    settings: &[(&str, &str)],
    work: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    let before = cluster.api::<Deployment>(PLATFORM).get("worker").await?;
    let usual = before.spec.and_then(|spec| spec.replicas).context("a Deployment without a count")?;
    let settings: Vec<Value> =
        settings.iter().map(|(name, value)| json!({ "name": format!("CODEXK8S_{name}"), "value": value })).collect();
    let given = async {
        roll(cluster, replicas, &settings).await?;
        work().await
    };
    let result = given.await;
    let unset: Vec<Value> =
        settings.iter().map(|setting| json!({ "name": setting["name"], "$patch": "delete" })).collect();
    roll(cluster, usual, &unset).await?;
    result
}

async fn roll(cluster: &Cluster, replicas: i32, env: &[Value]) -> Result<()> {
    let deployments = cluster.api::<Deployment>(PLATFORM);
    let mut wanted = json!({ "spec": { "replicas": replicas } });
    if !env.is_empty() {
        wanted["spec"]["template"]["spec"]["containers"] = json!([{ "name": "worker", "env": env }]);
    }
    let patched = deployments.patch("worker", &PatchParams::default(), &Patch::Strategic(wanted)).await?;
    let generation = patched.metadata.generation;
    until("the rollout of the worker", std::time::Duration::from_secs(90), async || {
        let status = deployments.get("worker").await?.status.unwrap_or_default();
        let all = |count: Option<i32>| count.unwrap_or_default() == replicas;
        let complete = status.observed_generation >= generation
            && all(status.replicas)
            && all(status.updated_replicas)
            && all(status.available_replicas);
        Ok((complete && cluster.serving("worker").await?.len() == usize::try_from(replicas)?).then_some(()))
    })
    .await?;
    Ok(())
}

/// Kills the program in a pod's container with SIGKILL, from the node; its pod restarts it.
///
/// # Errors
/// When no such process runs here.
pub fn kill_container(pod_uid: &str) -> Result<()> {
    for process in processes(pod_uid)? {
        kill(Pid::from_raw(process.id), Signal::SIGKILL).context("kill a container's process")?;
    }
    Ok(())
}

/// Makes this program of a pod the kernel's first choice when the pod's memory is used up, whatever uses it: where
/// the kernel kills single processes, a container ends only with its first one.
///
/// # Errors
/// When no such process runs here.
pub fn sacrifice(pod_uid: &str, program: &str) -> Result<()> {
    for process in processes(pod_uid)? {
        let score = if process.name == program { "1000" } else { "0" };
        fs::write(format!("/proc/{}/oom_score_adj", process.id), score).context("set who is killed first")?;
    }
    Ok(())
}

struct Process {
    id: i32,
    name: String,
}

/// The processes of a pod, as the node sees them.
fn processes(pod_uid: &str) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let groups = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned();
        let is_the_pods = groups.contains(pod_uid) || groups.contains(&pod_uid.replace('-', "_"));
        // The pod's other process only holds its namespaces.
        if is_the_pods && name != "pause" {
            found.push(Process { id, name });
        }
    }
    ensure!(!found.is_empty(), "no process of pod {pod_uid} is on this node");
    Ok(found)
}
