//! Taking away what the platform stands on, and always giving it back.

use std::fs;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{Patch, PatchParams};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::process::Command;

use crate::cluster::Cluster;
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

/// Runs `work` while nobody whom this role binds may do this to this kind of object.
///
/// # Errors
/// Those of `work`, or when the role cannot be changed.
pub async fn without_right<T>(
    cluster: &Cluster,
    role: &str,
    (verb, resource): (&str, &str),
    work: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
    let rules = roles.get(role).await?.rules.context("a role without rules")?;
    let mut fewer = rules.clone();
    for rule in &mut fewer {
        if rule.resources.iter().flatten().any(|named| named == resource) {
            rule.verbs.retain(|named| named != verb);
        }
    }
    ensure!(fewer != rules, "{role} does not let anybody {verb} {resource}");
    let set = async |rules| {
        let patch = json!({ "rules": rules });
        roles.patch(role, &PatchParams::default(), &Patch::Merge(&patch)).await
    };
    set(fewer).await?;
    let result = work().await;
    set(rules).await?;
    result
}

/// A pod's processes, stopped where they stand; they go on when this is dropped.
pub struct Frozen(Vec<Process>);

impl Frozen {
    /// Stops every process of a pod with SIGSTOP, from the node.
    ///
    /// # Errors
    /// When no such process runs here.
    pub fn freeze(pod_uid: &str) -> Result<Self> {
        let frozen = Self(processes(pod_uid)?);
        for process in &frozen.0 {
            kill(Pid::from_raw(process.id), Signal::SIGSTOP).context("stop a container's process")?;
        }
        Ok(frozen)
    }

    /// Whether the same processes still run in this pod.
    ///
    /// # Errors
    /// When none does.
    pub fn is_alive(ids: &[i32], pod_uid: &str) -> Result<bool> {
        let now = processes(pod_uid)?;
        Ok(ids.iter().all(|id| now.iter().any(|process| process.id == *id)))
    }

    /// The processes' ids on the node.
    #[must_use]
    pub fn ids(&self) -> Vec<i32> {
        self.0.iter().map(|process| process.id).collect()
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in &self.0 {
            // One that was killed meanwhile cannot go on.
            let _gone = kill(Pid::from_raw(process.id), Signal::SIGCONT);
        }
    }
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
