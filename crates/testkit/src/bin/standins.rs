//! Runs a stand-in for the development stack: `standins github …` or `standins model …`.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};
use testkit::{github, model};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(about = "Stand-ins for what the platform meets outside: GitHub and a model.")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// GitHub: REST API, webhooks, sign-in and git over HTTP.
    Github {
        /// An address to listen on; may be given several times.
        #[arg(long = "listen", required = true)]
        listen: Vec<SocketAddr>,
        /// The address pods, people and git know it by.
        #[arg(long)]
        base_url: Option<String>,
        /// The loopback port of the emulator behind it.
        #[arg(long, default_value_t = 0)]
        emulate_port: u16,
        /// Node's binary, 22 or later.
        #[arg(long)]
        node: PathBuf,
        /// The entry script of the npm package `emulate`.
        #[arg(long)]
        emulate: PathBuf,
        /// Folder for state; its subfolder `repositories` is emptied.
        #[arg(long)]
        git_root: PathBuf,
        /// Seed file (YAML); without it the one that is built in.
        #[arg(long)]
        seed: Option<PathBuf>,
    },
    /// A model that plays scenarios over the Responses API.
    Model {
        /// An address to listen on.
        #[arg(long)]
        listen: SocketAddr,
        /// Folder with scenario files.
        #[arg(long)]
        scenarios: PathBuf,
        /// The bearer key callers must show.
        #[arg(long, env = "CODEXK8S_SCRIPTED_MODEL_KEY")]
        key: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr).init();
    let mut stop = signal(SignalKind::terminate())?;
    let work = run(Cli::parse().what);
    tokio::select! {
        ended = work => ended,
        _ = stop.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => Ok(pressed?),
    }
}

async fn run(what: What) -> anyhow::Result<()> {
    match what {
        What::Github { listen, base_url, emulate_port, node, emulate, git_root, seed } => {
            let options =
                github::Options { listen, base_url, emulator_port: emulate_port, node, emulate, git_root, seed };
            let mut running = github::start(options).await?;
            tracing::info!("GitHub's stand-in answers at {}", running.base_url());
            running.failed().await
        }
        What::Model { listen, scenarios, key } => {
            let mut running = model::start(model::Options { listen, scenarios, key: key.into() }).await?;
            tracing::info!("the scripted model answers at {}", running.base_url());
            running.failed().await
        }
    }
}
