//! The programs of the node, built from Go modules and kept in the cache by a hash of what they are made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::output;
use crate::hashing;
use crate::paths::Paths;
use crate::prune;
use crate::steps::step;
use crate::wheels::remove;

/// Version that the components report; the module versions are in `deploy/dev/cluster/go.mod`.
const KUBERNETES: &str = "v1.35.4";

/// The DNS server of the cluster.
const COREDNS: &str = "github.com/coredns/coredns@v1.12.4";

/// Where the node's programs are.
pub(super) struct Programs {
    /// Every Kubernetes component, etcd, kubectl and the policy enforcer.
    pub(super) node: PathBuf,
    /// The sandbox container's program.
    pub(super) pause: PathBuf,
    /// The DNS server.
    pub(super) coredns: PathBuf,
}

impl Programs {
    /// Builds what is not in the cache.
    pub(super) fn built(paths: &Paths) -> Result<Self> {
        let source = paths.checkout.join("deploy/dev/cluster");
        let toolchain = output(Command::new("go").args(["env", "GOVERSION"]))?;
        let sources = hashing::tree(&source, &["go.mod", "go.sum", "main.go", "netpol"])?;
        let node = hashing::short([KUBERNETES, &toolchain, &sources]);
        let pause = hashing::short([toolchain.clone(), hashing::tree(&source, &["pause"])?]);
        let version = format!("-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}");
        Ok(Self {
            node: cached(paths, "devcluster", &node, "build Kubernetes (9 minutes the first time)", |target| {
                let mut command = go(&["build", "-trimpath", "-ldflags", &version, "-o"]);
                command.arg(target.join("devcluster")).arg(".").current_dir(&source);
                command
            })?,
            pause: cached(paths, "pause", &pause, "build the pod sandbox", |target| {
                let mut command = go(&["build", "-trimpath", "-ldflags", "-s -w", "-o"]);
                command.arg(target.join("pause")).arg("./pause").current_dir(&source);
                command
            })?,
            coredns: cached(
                paths,
                "coredns",
                &hashing::short([COREDNS, &toolchain]),
                "build CoreDNS (4 minutes the first time)",
                |target| {
                    let mut command = go(&["install", "-trimpath", "-ldflags", "-s -w", COREDNS]);
                    command.env("GOBIN", target);
                    command
                },
            )?,
        })
    }
}

fn go(arguments: &[&str]) -> Command {
    let mut command = Command::new("go");
    command.args(arguments).env("CGO_ENABLED", "0");
    command
}

/// The program of this hash, built into a folder of its own and moved into place when it is whole.
fn cached(paths: &Paths, name: &str, hash: &str, title: &str, build: impl FnOnce(&Path) -> Command) -> Result<PathBuf> {
    let bin = paths.cache.join("bin");
    let program = bin.join(format!("{name}-{hash}"));
    if program.is_file() {
        prune::mark_used(&program);
        return Ok(program);
    }
    step(paths, &format!("build-{name}"), title, |step| {
        let partial = bin.join(format!("{name}.partial"));
        remove(&partial)?;
        fs::create_dir_all(&partial)?;
        step.run(&mut build(&partial))?;
        fs::rename(partial.join(name), &program).context("cannot move the program into place")?;
        remove(&partial)
    })?;
    Ok(program)
}
