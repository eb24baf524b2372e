//! The first thing a new owner does, played on the running stack: an issue with a label becomes a pull request. The
//! playing is testkit's `demo`; here it is built and started.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::checks::cargo;
use crate::paths::Paths;
use crate::platform::CONSOLE;
use crate::standins::GITHUB;
use crate::steps::step;

/// The login that the seed of GitHub's stand-in and the platform's settings agree on.
pub(crate) const OWNER: &str = "olga";

/// The repository that is connected.
pub(crate) const REPOSITORY: &str = "acme/sample";

/// Plays it, with its output on the terminal.
pub(crate) fn play(paths: &Paths) -> Result<()> {
    step(paths, "build-demo", "build the demo", |step| {
        step.run(cargo(paths)?.args(["build", "--package", "testkit", "--bin", "demo"]))
    })?;
    println!("\nWhat a new owner does first:");
    let mut demo = Command::new(paths.target().join("debug/demo"));
    demo.args(["--console", CONSOLE, "--github", GITHUB, "--login", OWNER, "--repository", REPOSITORY]);
    // A failure is told in words; frames of our own program help nobody.
    demo.env("RUST_BACKTRACE", "0");
    let status = demo.status().context("cannot run the demo")?;
    if status.success() {
        return Ok(());
    }
    bail!(
        "the demo did not end with a pull request; the runs are at {CONSOLE}/runs, the pods' own words in\n  \
         cargo xtask kubectl -n codex-k8s logs deployment/worker"
    )
}
