//! What a killed stack leaves on a machine: containers without a parent, mounts, network namespaces, packet filter
//! rules, sockets. All of it is found by names that only this stack uses, so nobody else's is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{feed, output};
use crate::paths::Paths;
use crate::steps::wait_until;
use crate::wheels::remove;

/// The policy enforcer's table; `deploy/dev/cluster/netpol` names it the same.
pub(super) const POLICY_TABLE: &str = "codex_k8s_netpol";

/// Removes everything. Nothing of the stack may run any more.
pub(super) fn everything(paths: &Paths) -> Result<()> {
    containers(&paths.state)?;
    mounts(&paths.state)?;
    for folder in ["containerd/state", "containerd/runc", "cni", "kubelet/pods"] {
        remove(&paths.state.join(folder))?;
    }
    remove_file(&paths.state.join("run/containerd.sock"))?;
    remove_file(&paths.state.join("run/containerd.sock.ttrpc"))?;
    shim_sockets()?;
    network_results(&paths.state)?;
    filter_rules()?;
    policies()
}

/// Removes the policies' table, so that nothing is filtered.
pub(super) fn policies() -> Result<()> {
    if output(Command::new("nft").args(["list", "table", "inet", POLICY_TABLE])).is_ok() {
        output(Command::new("nft").args(["delete", "table", "inet", POLICY_TABLE]))?;
    }
    Ok(())
}

/// Kills shims and the processes inside containers. A container is told by its root file system: an overlay whose
/// layers lie in our state folder, which holds for orphans of a killed shim too.
fn containers(state: &Path) -> Result<()> {
    let address = state.join("run/containerd.sock").display().to_string();
    let layers = state.join("containerd/root").display().to_string();
    let ours = || -> Vec<i32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| is_shim(*pid, &address) || lives_in(*pid, &layers)).collect()
    };
    wait_until("the end of an earlier stack's containers", Duration::from_secs(30), || {
        let found = ours();
        for pid in &found {
            // Gone already is what we want.
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        match found.first() {
            Some(pid) => bail!("pid {pid} is still there"),
            None => Ok(()),
        }
    })
}

fn is_shim(pid: i32, address: &str) -> bool {
    let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = arguments.split('\0');
    words.next().is_some_and(|program| program.ends_with("containerd-shim-runc-v2"))
        && words.any(|word| word == address)
}

fn lives_in(pid: i32, layers: &str) -> bool {
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(4) == Some("/") && line.contains(layers))
}

/// Unmounts everything under the state folder, the last mounted first.
fn mounts(state: &Path) -> Result<()> {
    let prefix = format!("{}/", state.display());
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    for point in mount_points(&table, &prefix).iter().rev() {
        output(Command::new("umount").arg("--lazy").arg(point))?;
    }
    Ok(())
}

fn mount_points(table: &str, prefix: &str) -> Vec<String> {
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| point.starts_with(prefix)).map(str::to_owned).collect()
}

/// Sockets of shims that nobody listens on; containerd keeps them all in one folder, whatever its state folder is.
fn shim_sockets() -> Result<()> {
    let alive = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let folder = Path::new("/run/containerd/s");
    matching_files(folder, |name| !alive.contains(&folder.join(name).display().to_string()))
}

/// What network plugins remember of pods whose network namespaces lay in our state folder.
fn network_results(state: &Path) -> Result<()> {
    let folder = Path::new("/var/lib/cni/results");
    let state = state.display().to_string();
    matching_files(folder, |name| fs::read_to_string(folder.join(name)).is_ok_and(|text| text.contains(&state)))
}

/// Takes the rules of kube-proxy and of the pod network out of every table, and leaves the others as they are.
fn filter_rules() -> Result<()> {
    for table in ["filter", "nat", "mangle"] {
        let saved = output(Command::new("iptables-save").args(["-t", table]))?;
        let kept = without_ours(&saved);
        if kept != saved {
            feed(&mut Command::new("iptables-restore"), &kept)?;
        }
    }
    Ok(())
}

fn without_ours(saved: &str) -> String {
    let ours = |line: &&str| ["KUBE-", "CNI-", "route_localnet"].iter().any(|mark| line.contains(mark));
    saved.lines().filter(|line| !ours(line)).map(|line| format!("{line}\n")).collect()
}

fn matching_files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let found: Vec<PathBuf> =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(&wanted)).map(|entry| entry.path()).collect();
    found.iter().try_for_each(|file| remove_file(file))
}

fn remove_file(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_rules_leave() {
        let saved = "*nat\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n:KUBE-SERVICES - [0:0]\n\
            -A POSTROUTING -s 10.244.0.9/32 -m comment --comment \"name: x\" -j CNI-0123\n-A DOCKER -j RETURN\nCOMMIT\n";
        assert_eq!(
            without_ours(saved),
            "*nat\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A DOCKER -j RETURN\nCOMMIT\n"
        );
    }

    #[test]
    fn only_mounts_under_the_state_folder_are_ours() {
        let table = "1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / /state/kubelet/pods/a rw - tmpfs x rw\n\
            3 1 0:2 / /statement rw - tmpfs x rw\n";
        assert_eq!(mount_points(table, "/state/"), ["/state/kubelet/pods/a"]);
    }
}
