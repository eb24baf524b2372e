//! The command line: which commands exist and what they call.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::bench;
use crate::checks::{self, Part};
use crate::cluster::{self, Cluster};
use crate::codegen;
use crate::images::{self, PROGRAMS};
use crate::paths::Paths;
use crate::stack;

/// What people run on a checkout of codex-k8s.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds and starts everything on this machine, and lets an issue become a pull request on it.
    ///
    /// That is PostgreSQL, a one-node Kubernetes of its own (no other cluster is touched), a stand-in for GitHub, and the
    /// platform. What runs already and has not changed is left alone. Wants root, and Debian or Ubuntu. The first time
    /// takes up to 35 minutes on two cores. With OPENAI_API_KEY set agents use OpenAI's models, which costs money; without
    /// it a scripted model answers them.
    Up {
        /// Starts everything, but opens no issue.
        #[arg(long)]
        no_demo: bool,
    },
    /// Stops everything that `up` started. Its data stays, and `up` goes on with it.
    Down {
        /// Also removes the data under /var/lib/codex-k8s-dev: databases, keys, the node's images. What was built stays in
        /// ~/.cache/codex-k8s.
        #[arg(long)]
        purge: bool,
    },
    /// Shows each part of what `up` starts, and whether it runs.
    Status,
    /// Builds the container images of the services and of the agent into the cache, and prints their references.
    Images {
        /// Programs to build; all of them when none is named.
        #[arg(value_parser = PROGRAMS)]
        programs: Vec<String>,
    },
    /// Runs kubectl as the administrator of the stack's Kubernetes.
    Kubectl {
        /// As for kubectl itself: `get pods --all-namespaces`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Parts of the stack, for tests that take one away.
    #[command(hide = true)]
    Stack {
        #[command(subcommand)]
        task: StackTask,
    },
    /// Makes the committed files that are made from others: wire types from openapi/, descriptions of SQL.
    Codegen {
        /// Writes nothing; names what is stale and fails.
        #[arg(long)]
        check: bool,
    },
    /// Measures speed beside the least work that could do the same, as ratios beside their goals.
    Bench {
        /// What to measure.
        #[command(subcommand)]
        task: BenchTask,
    },
    /// Runs the tests: all parts, or those named.
    Test {
        /// Parts to run; all of them when none is named.
        parts: Vec<Part>,
    },
}

#[derive(Subcommand)]
enum BenchTask {
    /// The way of a webhook: rates, waits and claims; takes under ten minutes on an idle machine.
    Webhook,
    /// What an agent's call of a tool costs; takes under two minutes.
    Tools,
}

#[derive(Subcommand)]
enum StackTask {
    /// Stops or starts one component of the node.
    Component {
        /// What to do with it.
        action: Action,
        /// Its name as in `status`.
        name: String,
        /// More arguments for it, after `--`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Action {
    Stop,
    Start,
}

/// Does what the command line says; an error is printed once, here.
pub(crate) fn run() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(task: Task) -> Result<()> {
    let paths = Paths::find()?;
    match task {
        Task::Up { no_demo } => stack::up(&paths, !no_demo),
        Task::Down { purge } => stack::down(&paths, purge),
        Task::Status => {
            stack::status(&paths);
            Ok(())
        }
        Task::Codegen { check } => codegen::run(&paths, check),
        Task::Images { programs } => {
            let named: Vec<&str> = programs.iter().map(String::as_str).collect();
            for image in images::services(&paths, if named.is_empty() { &PROGRAMS } else { &named })? {
                println!("{}", image.reference);
            }
            Ok(())
        }
        Task::Stack { task: StackTask::Component { action, name, arguments } } => match action {
            Action::Stop => cluster::stop_component(&paths, &name),
            Action::Start => cluster::start_component(&paths, &name, &arguments),
        },
        Task::Kubectl { arguments } => kubectl(&paths, &arguments),
        Task::Bench { task: BenchTask::Webhook } => bench::run(&paths, "webhook"),
        Task::Bench { task: BenchTask::Tools } => bench::run(&paths, "tools"),
        Task::Test { parts } => checks::run(&paths, &parts),
    }
}

fn kubectl(paths: &Paths, arguments: &[String]) -> Result<()> {
    let status = Cluster::of_stack(paths)?.kubectl().args(arguments).status().context("cannot run kubectl")?;
    if status.success() { Ok(()) } else { bail!("kubectl ended with {status}") }
}
