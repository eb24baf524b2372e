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
#[command(name = "cargo xtask", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Starts the development stack, and lets an issue become a pull request on it.
    Up {
        /// Opens no issue.
        #[arg(long)]
        no_demo: bool,
    },
    /// Stops the development stack.
    Down {
        /// Also removes its state: databases, keys, images. Caches stay.
        #[arg(long)]
        purge: bool,
    },
    /// Shows every component of the stack.
    Status,
    /// Builds the images of the services and of the agent, and prints their references.
    Images {
        /// Programs to build; all of them when none is named.
        #[arg(value_parser = PROGRAMS)]
        programs: Vec<String>,
    },
    /// kubectl as the administrator of the stack's cluster.
    Kubectl {
        /// What it is told.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Parts of the stack, for tests that take one away.
    #[command(hide = true)]
    Stack {
        #[command(subcommand)]
        task: StackTask,
    },
    /// Makes the committed files that are made from others.
    Codegen {
        /// Writes nothing; names what is stale and fails.
        #[arg(long)]
        check: bool,
    },
    /// Measures against the least that must be done, and prints ratios beside their goals.
    Bench {
        /// What to measure.
        #[command(subcommand)]
        task: BenchTask,
    },
    /// Runs the tests: all parts, or those named.
    Test {
        /// Parts to run.
        parts: Vec<Part>,
    },
}

#[derive(Subcommand)]
enum BenchTask {
    /// The way of a webhook: rates, waits and claims; takes under ten minutes on an idle machine.
    Webhook,
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
            eprintln!("\n{error:#}");
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
        Task::Bench { task: BenchTask::Webhook } => bench::webhook(&paths),
        Task::Test { parts } => checks::run(&paths, &parts),
    }
}

fn kubectl(paths: &Paths, arguments: &[String]) -> Result<()> {
    let status = Cluster::of_stack(paths)?.kubectl().args(arguments).status().context("cannot run kubectl")?;
    if status.success() { Ok(()) } else { bail!("kubectl ended with {status}") }
}
