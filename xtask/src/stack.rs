//! The development stack as a whole: what `up` starts in which order, what `down` stops, what `status` shows.

use anyhow::Result;

use crate::cluster::{self, Cluster};
use crate::daemon::{self, running};
use crate::demo;
use crate::network;
use crate::paths::Paths;
use crate::platform;
use crate::postgres;
use crate::prerequisites::{self, For};
use crate::prune;
use crate::standins;
use crate::wheels::remove;

/// Starts everything, in order; what already runs as it should is left alone. With `demo` an issue becomes a pull request.
pub(crate) fn up(paths: &Paths, with_demo: bool) -> Result<()> {
    prerequisites::ensure(paths, For::Stack)?;
    network::ensure_node_address()?;
    postgres::start_platform(paths)?;
    standins::start(paths)?;
    let (cluster, own) = cluster::up(paths)?;
    let platform = platform::up(paths, &cluster)?;
    let current: Vec<String> = own.iter().chain(&platform).map(|image| image.reference.clone()).collect();
    prune::after_rollout(paths, &cluster, &current);
    if with_demo {
        demo::play(paths)?;
    }
    let owner = demo::OWNER;
    println!("\nConsole      {} (sign in with GitHub: pick {owner} on the stand-in's page)", platform::CONSOLE);
    println!("Repository   {}/{}", standins::GITHUB, demo::REPOSITORY);
    println!("Model        {}", platform::model());
    println!("Kubernetes   export KUBECONFIG={}", cluster::admin_kubeconfig(paths).display());
    println!("How it is    cargo xtask status");
    println!("Stop it      cargo xtask down");
    Ok(())
}

/// Stops everything, in the opposite order; with `purge` the state goes too. Caches stay.
pub(crate) fn down(paths: &Paths, purge: bool) -> Result<()> {
    cluster::stop(paths)?;
    for (name, _) in standins::NAMES {
        daemon::stop(paths, name, daemon::Ending::default())?;
    }
    for (name, _) in postgres::SERVERS {
        daemon::stop(paths, name, postgres::ENDING)?;
    }
    network::remove_node_address()?;
    if purge {
        remove(&paths.state)?;
    }
    Ok(())
}

/// Prints one line per component, then the platform's Deployments on top of them, then what to do about what is missing.
pub(crate) fn status(paths: &Paths) {
    let others = postgres::SERVERS.into_iter().chain(standins::NAMES);
    let others = others.map(|(name, address)| (name, address, running(paths, name).map(|found| found.pid)));
    let mut stopped = false;
    for (name, address, pid) in others.chain(cluster::status(paths)) {
        match pid {
            Some(pid) => println!("{name:<20} running  pid {pid:<8} {address}"),
            None if name == postgres::FOR_TESTS => println!("{name:<20} stopped  (only tests start and use it)"),
            None => {
                stopped = true;
                println!("{name:<20} stopped");
            }
        }
    }
    match Cluster::of_stack(paths).and_then(|cluster| platform::status(&cluster)) {
        Ok(lines) => println!("\nPlatform, {}\n{lines}", platform::CONSOLE),
        Err(error) => println!("\nPlatform: {error:#}"),
    }
    if stopped {
        println!("\nSomething is stopped: `cargo xtask up` brings everything up again.");
    }
}
