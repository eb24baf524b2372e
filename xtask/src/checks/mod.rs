//! The test command: parts by name, each a list of checks that all run even when one fails, and a count at the end.

mod console;
mod parts;
mod tally;

use anyhow::{Result, bail};

pub(crate) use parts::{Part, cargo};

use crate::paths::Paths;
use tally::Tally;

/// Runs the named parts, or all, and prints what passed.
///
/// # Errors
/// At least one check failed.
pub(crate) fn run(paths: &Paths, named: &[Part]) -> Result<()> {
    let parts = if named.is_empty() { Part::ALL.as_slice() } else { named };
    let mut results = Vec::new();
    for part in parts {
        println!("{part}");
        results.push((*part, part.run(paths)));
    }
    println!();
    let mut total = Tally::default();
    for (part, tally) in &results {
        println!("{part:<8} {tally}");
        total += tally.clone();
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    if total.failed > 0 {
        bail!("{}", total.failures.join("\n"));
    }
    Ok(())
}
