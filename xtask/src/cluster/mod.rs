//! A real Kubernetes on this machine: one node, every component a background process, all state in one folder.

mod addons;
mod components;
mod config;
mod pki;
mod programs;
mod sweep;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::output;
use crate::daemon::{self, Daemon, running};
use crate::images::{self, Image};
use crate::paths::Paths;
use crate::steps::{step, wait_until};
use components::Components;
use programs::Programs;

pub(crate) use components::NAMES;

/// How long a component may take to answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Builds what is missing and makes sure that the node is ready and its DNS answers. Beside the cluster: the images that
/// it runs itself.
pub(crate) fn up(paths: &Paths) -> Result<(Cluster, [Image; 2])> {
    let programs = Programs::built(paths)?;
    pki::ensure(paths)?;
    let pause = addons::pause(paths, &programs)?;
    let coredns = addons::coredns(paths, &programs)?;
    let config = config::written(paths, &pause.reference)?;
    let components = Components::new(paths, &programs, &config);
    let cluster = Cluster { paths: paths.clone(), kubectl: programs.node.display().to_string() };
    if components.core().all(|part| part.is_current(paths)) {
        for part in components.all() {
            part.ensure(paths)?;
        }
    } else {
        step(paths, "kubernetes", "start Kubernetes", |step| {
            step.note("stopping and sweeping what an earlier stack left")?;
            stop(paths)?;
            start(&cluster, &components, &[&pause, &coredns])
        })?;
    }
    images::import(paths, [&pause, &coredns])?;
    addons::apply_coredns(&cluster, &coredns)?;
    Ok((cluster, [pause, coredns]))
}

/// Stops every component, the API server before its store, and sweeps what they and their pods leave behind.
pub(crate) fn stop(paths: &Paths) -> Result<()> {
    for name in NAMES.iter().rev() {
        daemon::stop(paths, name, components::ending(name))?;
    }
    sweep::everything(paths)
}

/// Starts one stopped component again, with extra arguments; tests use it to take the policy enforcer away and back.
pub(crate) fn start_component(paths: &Paths, name: &str, extra: &[String]) -> Result<()> {
    let programs = Programs::built(paths)?;
    let pause = addons::pause(paths, &programs)?;
    let config = config::written(paths, &pause.reference)?;
    let components = Components::new(paths, &programs, &config);
    let Some(part) = components.all().find(|part| part.name == name) else {
        bail!("no component is called {name}; there are {}", NAMES.join(", "));
    };
    let mut part = part.clone();
    part.argv.extend_from_slice(extra);
    part.ensure(paths)?;
    if name == "netpol" { wait_for_policies(&part, paths) } else { Ok(()) }
}

/// Stops one component. Without its enforcer the node filters nothing, as on a cluster whose network plugin has none.
pub(crate) fn stop_component(paths: &Paths, name: &str) -> Result<()> {
    if !NAMES.contains(&name) {
        bail!("no component is called {name}; there are {}", NAMES.join(", "));
    }
    daemon::stop(paths, name, components::ending(name))?;
    if name == "netpol" { sweep::policies() } else { Ok(()) }
}

/// A running cluster, reached as its administrator.
pub(crate) struct Cluster {
    paths: Paths,
    kubectl: String,
}

impl Cluster {
    /// The cluster that runs, whichever checkout started it; nothing is built for it.
    ///
    /// # Errors
    /// When none runs, or it is another user's.
    pub(crate) fn of_stack(paths: &Paths) -> Result<Self> {
        let server =
            running(paths, "apiserver").context("no Kubernetes of this stack runs; `cargo xtask up` starts it")?;
        let program = std::fs::read_link(format!("/proc/{}/exe", server.pid))
            .context("the stack's Kubernetes is another user's; use sudo -E")?;
        Ok(Self { paths: paths.clone(), kubectl: program.display().to_string() })
    }

    /// kubectl with the administrator's credentials.
    pub(crate) fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.arg("kubectl").env("KUBECONFIG", pki::admin_kubeconfig(&self.paths));
        command
    }
}

fn start(cluster: &Cluster, components: &Components, needed: &[&Image]) -> Result<()> {
    let paths = &cluster.paths;
    components.get("etcd")?.ensure(paths)?;
    components
        .get("containerd")?
        .ensure_ready(paths, PATIENCE, || output(images::ctr(paths).arg("version")).map(drop))?;
    images::import(paths, needed.iter().copied())?;
    components
        .get("apiserver")?
        .ensure_ready(paths, PATIENCE, || output(cluster.kubectl().args(["get", "--raw", "/readyz"])).map(drop))?;
    for name in ["controller-manager", "scheduler", "proxy"] {
        components.get(name)?.ensure(paths)?;
    }
    // Before the kubelet: no pod may start on a node that does not filter yet.
    let netpol = components.get("netpol")?;
    netpol.ensure(paths)?;
    wait_for_policies(netpol, paths)?;
    components.get("kubelet")?.ensure_ready(paths, PATIENCE, || {
        let ready = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}";
        match output(cluster.kubectl().args(["get", "nodes", "-o", ready]))?.trim() {
            "True" => Ok(()),
            other => bail!("the node is not ready: {other:?}"),
        }
    })
}

fn wait_for_policies(netpol: &Daemon, paths: &Paths) -> Result<()> {
    netpol.ensure_ready(paths, PATIENCE, || {
        output(Command::new("nft").args(["list", "table", "inet", sweep::POLICY_TABLE])).map(drop)
    })
}

/// Waits until a rollout is complete, and says what hangs when it is not.
pub(crate) fn wait_for_rollout(cluster: &Cluster, namespace: &str, deployment: &str) -> Result<()> {
    wait_until("the rollout", PATIENCE, || {
        output(cluster.kubectl().args(["-n", namespace, "rollout", "status", "--timeout=5s"]).arg(deployment)).map(drop)
    })
    .with_context(|| format!("{deployment} in {namespace}; see kubectl -n {namespace} describe {deployment}"))
}

/// Where people find the administrator's kubeconfig.
pub(crate) fn admin_kubeconfig(paths: &Paths) -> std::path::PathBuf {
    pki::admin_kubeconfig(paths)
}

/// Its components: name, where it listens, and its pid when it runs.
pub(crate) fn status(paths: &Paths) -> Vec<(&'static str, &'static str, Option<i32>)> {
    let lines = NAMES.iter().zip(components::ADDRESSES);
    lines.map(|(name, address)| (*name, address, running(paths, name).map(|found| found.pid))).collect()
}
