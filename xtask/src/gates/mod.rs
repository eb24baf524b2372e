//! Gates that no compiler has: how long a file may be, and which crate may depend on which.

mod dependencies;
mod sizes;

use std::process::Command;

use anyhow::{Context, Result};

use crate::command::output;
use crate::paths::Paths;

/// Files of the checkout that git knows or would add, by path from its top.
fn files(paths: &Paths) -> Result<Vec<String>> {
    let listed = output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(&paths.checkout),
    )?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// Everything that breaks a size limit, one line each.
pub(crate) fn sizes(paths: &Paths) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files(paths)? {
        // A file that was removed but is still in the index has no size.
        if let Ok(text) = std::fs::read_to_string(paths.checkout.join(&file)) {
            problems.extend(sizes::problem(&file, &text));
        }
    }
    Ok(problems)
}

/// Every dependency that the architecture forbids, one line each.
pub(crate) fn dependencies(paths: &Paths) -> Result<Vec<String>> {
    let metadata = output(
        Command::new("cargo")
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
            .current_dir(&paths.checkout),
    )?;
    let metadata: dependencies::Metadata =
        serde_json::from_str(&metadata).context("cargo metadata has another shape than expected")?;
    Ok(metadata.packages.iter().flat_map(dependencies::problems).collect())
}
