//! `cargo xtask bench`: builds the services as they are measured and lets the rig measure them.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::checks::cargo;
use crate::paths::Paths;
use crate::postgres;
use crate::prerequisites::{self, For};
use crate::steps::step;

/// The profile of `Cargo.toml` that is measured.
const PROFILE: &str = "bench-services";

/// Measures `what` the rig calls so. It starts a PostgreSQL and processes of its own; nothing of the stack is touched.
///
/// # Errors
/// When something cannot be built or started, or a load is not answered as it should be.
pub(crate) fn run(paths: &Paths, what: &str) -> Result<()> {
    prerequisites::ensure(paths, For::Tests)?;
    let programs = postgres::programs(paths)?;
    step(paths, "bench-build", "build the services, optimised", |step| {
        step.run(cargo(paths)?.args(["build", "--profile", PROFILE, "-p", "rig", "--bins"]))
    })?;
    let bench = paths.target().join(PROFILE).join("rig-bench");
    let status = Command::new(&bench)
        .arg(what)
        .env("CODEXK8S_TEST_POSTGRES_BIN", programs)
        .status()
        .with_context(|| format!("cannot run {}", bench.display()))?;
    if !status.success() {
        bail!("the measurement ended with {status}");
    }
    Ok(())
}
