//! Applying the overlay in order: everything but the servers, the migration awaited, then the servers. What a failure
//! leaves is shown: pods, why they wait, and what they said last.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::overlay::Overlay;
use super::{MANAGER, NAMESPACE, settings};
use crate::cluster::Cluster;
use crate::command::output;
use crate::steps::{Step, wait_until};

const SERVERS: [&str; 3] = ["control-plane", "api-gateway", "worker"];

/// Longer than the migration Job's own limit would help nobody.
const PATIENCE: Duration = Duration::from_secs(180);

/// Applies everything but the servers and waits for the migration. One that is complete already bears the name of these
/// very manifests, so nothing has to be there before the servers.
pub(super) fn migrate(step: &mut Step, cluster: &Cluster, overlay: &Overlay) -> Result<()> {
    let job = overlay.migration.as_str();
    match job_state(cluster, job)? {
        JobState::Complete => return Ok(()),
        JobState::Running => {}
        JobState::Failed => {
            step.note("an earlier migration failed: once more")?;
            output(cluster.kubectl().args(["-n", NAMESPACE, "delete", "job", job]))?;
        }
    }
    apply(step, cluster, overlay, &["-l", "app.kubernetes.io/component!=server"])?;
    step.note("waiting for the migration")?;
    let mut failed = false;
    wait_until("the migration", PATIENCE, || match job_state(cluster, job)? {
        JobState::Complete => Ok(()),
        JobState::Failed => {
            failed = true;
            Ok(())
        }
        JobState::Running => bail!("{job} is not complete"),
    })
    .with_context(|| told(cluster))?;
    if failed { Err(anyhow!("{job} failed\n{}", told(cluster))) } else { Ok(()) }
}

/// Applies everything, takes away what others have set, waits until the servers are ready, and removes what no server
/// reads any more.
pub(super) fn servers(step: &mut Step, cluster: &Cluster, overlay: &Overlay) -> Result<()> {
    apply(step, cluster, overlay, &[])?;
    settings::remove_foreign(step, cluster)?;
    for server in SERVERS {
        step.note(&format!("waiting for {server}"))?;
        let mut status = cluster.kubectl();
        status.args(["-n", NAMESPACE, "rollout", "status", &format!("deployment/{server}")]);
        status.arg(format!("--timeout={}s", PATIENCE.as_secs()));
        step.run(&mut status).map_err(|error| anyhow!("{server} is not ready: {error:#}\n{}", told(cluster)))?;
    }
    remove_superseded(cluster, overlay)
}

fn apply(step: &mut Step, cluster: &Cluster, overlay: &Overlay, selector: &[&str]) -> Result<()> {
    let mut apply = cluster.kubectl();
    step.run(apply.arg("apply").args(MANAGER).args(selector).arg("-k").arg(&overlay.folder))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum JobState {
    Running,
    Complete,
    Failed,
}

/// A Job that is not there has not begun.
fn job_state(cluster: &Cluster, job: &str) -> Result<JobState> {
    let text =
        output(cluster.kubectl().args(["-n", NAMESPACE, "get", "job", job, "--ignore-not-found", "-o", "json"]))?;
    if text.trim().is_empty() {
        return Ok(JobState::Running);
    }
    let seen: Value = serde_json::from_str(&text).context("kubectl answered no JSON")?;
    let is = |kind: &str| {
        let conditions = seen["status"]["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|one| one["type"] == kind && one["status"] == "True"))
    };
    Ok(match (is("Complete"), is("Failed")) {
        (true, _) => JobState::Complete,
        (_, true) => JobState::Failed,
        _ => JobState::Running,
    })
}

/// Settings and migrations have names of their own for every version; older versions are of no use any more.
fn remove_superseded(cluster: &Cluster, overlay: &Overlay) -> Result<()> {
    let wanted = output(cluster.kubectl().arg("kustomize").arg(&overlay.folder))?;
    let wanted: BTreeSet<&str> = wanted.lines().filter_map(|line| line.strip_prefix("  name: ")).collect();
    let mut list = cluster.kubectl();
    list.args(["-n", NAMESPACE, "get", "configmaps,jobs", "-l", "app.kubernetes.io/part-of=codex-k8s", "-o", "name"]);
    let there = output(&mut list)?;
    let superseded: Vec<&str> = there
        .lines()
        .filter(|object| object.rsplit_once('/').is_some_and(|(_, name)| !wanted.contains(name)))
        .collect();
    if superseded.is_empty() {
        return Ok(());
    }
    output(cluster.kubectl().args(["-n", NAMESPACE, "delete"]).args(superseded)).map(drop)
}

/// What the pods say of themselves: their states, recent warnings, and the last lines of those that are not ready.
fn told(cluster: &Cluster) -> String {
    let kubectl = |arguments: &[&str]| {
        let mut command = cluster.kubectl();
        command.args(["-n", NAMESPACE]).args(arguments);
        output(&mut command).unwrap_or_else(|error| format!("{error:#}\n"))
    };
    let mut text = kubectl(&["get", "pods", "-o", "wide"]);
    let warnings = kubectl(&["get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"]);
    let warnings: Vec<&str> = warnings.lines().collect();
    text += &warnings[warnings.len().saturating_sub(8)..].join("\n");
    let unready = "jsonpath={range .items[?(@.status.phase!='Succeeded')]}{.metadata.name} \
                   {.status.conditions[?(@.type=='Ready')].status}{'\\n'}{end}";
    for line in kubectl(&["get", "pods", "-o", unready]).lines() {
        if let Some(name) = line.strip_suffix(" False") {
            text += &format!("\n--- {name}\n{}", kubectl(&["logs", "--tail=15", "--all-containers", name]));
        }
    }
    text
}
