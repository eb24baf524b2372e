//! The parts of the test command, and what each runs.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::console;
use super::tally::Tally;
use crate::cluster::{self, Cluster};
use crate::demo;
use crate::gates;
use crate::node;
use crate::paths::Paths;
use crate::platform;
use crate::postgres;
use crate::prerequisites::{self, For};
use crate::sources;
use crate::stack;
use crate::standins;
use crate::steps::{Step, step};

/// A part of the test command, by the name people type.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Format, lints, size and dependency gates, and tests that need nothing but the compiler.
    Unit,
    /// SQL against a real PostgreSQL.
    Store,
    /// Whole stories through the front door: real SQL and the stand-ins.
    Story,
    /// The console: its own checks, and a real browser over the running platform.
    Console,
    /// The platform's manifests and runs on the real Kubernetes.
    Cluster,
}

impl Part {
    /// Every part, cheapest first.
    pub(super) const ALL: [Self; 5] = [Self::Unit, Self::Store, Self::Story, Self::Console, Self::Cluster];

    /// Runs everything of this part, also after a failure.
    pub(super) fn run(self, paths: &Paths) -> Tally {
        match self {
            Self::Unit => unit(paths),
            Self::Store => {
                with_postgres(paths, || cargo_tests(paths, "test-store", "tests of the store", &["-p", "store"], &[]))
            }
            Self::Story => story(paths),
            Self::Console => console::run(paths),
            Self::Cluster => on_cluster(paths),
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(match self {
            Self::Unit => "unit",
            Self::Store => "store",
            Self::Story => "story",
            Self::Console => "console",
            Self::Cluster => "cluster",
        })
    }
}

fn unit(paths: &Paths) -> Tally {
    let mut tally = Tally::check(step(paths, "gate-sizes", "file sizes", |_| none(gates::sizes(paths)?)));
    tally +=
        Tally::check(step(paths, "gate-dependencies", "crate dependencies", |_| none(gates::dependencies(paths)?)));
    tally +=
        Tally::check(step(paths, "fmt", "format", |step| step.run(cargo(paths)?.args(["fmt", "--all", "--check"]))));
    tally += Tally::check(step(paths, "clippy", "lints", |step| {
        step.run(cargo(paths)?.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    }));
    tally += cargo_tests(paths, "test-unit", "unit tests", &["--workspace", "--lib", "--bins"], &[]);
    tally
}

/// Stories start their own stand-ins from the programs named here.
fn story(paths: &Paths) -> Tally {
    let programs = || -> Result<[(&str, PathBuf); 3]> {
        let packages = node::packages(paths)?;
        Ok([
            ("CODEXK8S_TEST_NODE", node::home(paths)?.join("bin/node")),
            ("CODEXK8S_TEST_EMULATE", packages.join("emulate/dist/index.js")),
            ("CODEXK8S_TEST_CODEX", node::codex(&packages)?.join("bin/codex")),
        ])
    };
    with_postgres(paths, || match programs() {
        Err(error) => Tally::check(Err(error)),
        Ok(programs) => {
            let arguments =
                ["--workspace", "--exclude", "store", "--exclude", "rig", "--exclude", "cluster-tests", "--test", "*"];
            let mut tally = cargo_tests(paths, "test-story", "stories", &arguments, &programs);
            tally += durability(paths);
            tally
        }
    })
}

/// Faults on the way of a webhook, whose counts are worth reading also when all is well. They start servers of their
/// own, because they kill them.
fn durability(paths: &Paths) -> Tally {
    let programs = match postgres::programs(paths) {
        Ok(programs) => [("CODEXK8S_TEST_POSTGRES_BIN", programs)],
        Err(error) => return Tally::check(Err(error)),
    };
    let arguments = ["--workspace", "--test", "durability", "--", "--show-output"];
    let tally = cargo_tests(paths, "test-durability", "webhooks under faults", &arguments, &programs);
    let written = std::fs::read_to_string(paths.log("test-durability")).unwrap_or_default();
    for counts in written.lines().filter(|line| line.starts_with("F-")) {
        println!("      {counts}");
    }
    tally
}

/// Needs the whole stack, and starts it.
fn on_cluster(paths: &Paths) -> Tally {
    let started = stack::up(paths, false).and_then(|()| Cluster::of_stack(paths));
    match started {
        Err(error) => Tally::check(Err(error)),
        Ok(cluster) => {
            let mut tally = Tally::check(step(paths, "manifests", "manifests against the API server", |_| {
                platform::checks::accepted(paths, &cluster)
            }));
            tally += Tally::check(step(paths, "worker-rights", "what the worker's account may not do", |step| {
                platform::checks::confined(step, &cluster)
            }));
            tally += runs_on_cluster(paths);
            tally
        }
    }
}

/// The stack stays as it is; what these tests take away from it they give back.
fn runs_on_cluster(paths: &Paths) -> Tally {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return Tally::check(Err(error.into())),
    };
    let places = [
        ("KUBECONFIG", cluster::admin_kubeconfig(paths)),
        ("CODEXK8S_CONSOLE_URL", platform::CONSOLE.into()),
        ("CODEXK8S_GITHUB_URL", standins::GITHUB.into()),
        ("CODEXK8S_OWNER_LOGIN", demo::OWNER.into()),
        ("CODEXK8S_XTASK", program),
        ("CODEXK8S_PROGRAMS", paths.target().join("debug")),
    ];
    cargo_tests(paths, "test-cluster", "runs on Kubernetes", &["--package", "cluster-tests", "--test", "*"], &places)
}

/// Runs `work` with the tests' PostgreSQL up; without it the part has failed.
fn with_postgres(paths: &Paths, work: impl FnOnce() -> Tally) -> Tally {
    let started = prerequisites::ensure(paths, For::Tests).and_then(|()| postgres::start_tests(paths));
    match started {
        Ok(()) => work(),
        Err(error) => Tally::check(Err(error)),
    }
}

fn cargo_tests(paths: &Paths, name: &str, title: &str, arguments: &[&str], env: &[(&str, PathBuf)]) -> Tally {
    let mut written = String::new();
    let result = step(paths, name, title, |step: &mut Step| {
        let mut command = cargo(paths)?;
        command.args(["test", "--no-fail-fast"]).args(arguments).env("DATABASE_URL", postgres::TEST_URL);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        let result = step.run(&mut command);
        written = step.written()?;
        result
    });
    Tally::cargo(&written, result)
}

/// Cargo with the shared build folder; on CI a snapshot that differs is a failure, never a new file.
pub(crate) fn cargo(paths: &Paths) -> Result<Command> {
    sources::claim(paths)?;
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&paths.checkout).env("CARGO_TARGET_DIR", paths.target());
    if env::var_os("CI").is_some_and(|value| value == "true") {
        command.env("INSTA_UPDATE", "no");
    }
    Ok(command)
}

fn none(problems: Vec<String>) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    bail!("\n  - {}", problems.join("\n  - "))
}
