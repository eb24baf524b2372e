//! The development stack as a whole: what `up` starts in which order, what `down` stops, what `status` shows.

use anyhow::Result;

use crate::daemon::{self, running};
use crate::network;
use crate::paths::Paths;
use crate::postgres;
use crate::prerequisites::{self, For};
use crate::wheels::remove;

/// Starts everything, in order; what already runs as it should is left alone.
pub(crate) fn up(paths: &Paths) -> Result<()> {
    prerequisites::ensure(paths, For::Stack)?;
    network::ensure_node_address()?;
    postgres::start_platform(paths)?;
    Ok(())
}

/// Stops everything, in the opposite order; with `purge` the state goes too. Caches stay.
pub(crate) fn down(paths: &Paths, purge: bool) -> Result<()> {
    for (name, _) in postgres::SERVERS {
        daemon::stop(paths, name, postgres::ENDING)?;
    }
    network::remove_node_address()?;
    if purge {
        remove(&paths.state)?;
    }
    Ok(())
}

/// Prints one line per component.
pub(crate) fn status(paths: &Paths) {
    for (name, address) in postgres::SERVERS {
        match running(paths, name) {
            Some(found) => println!("{name:<20} running  pid {:<8} {address}", found.pid),
            None => println!("{name:<20} stopped"),
        }
    }
}
