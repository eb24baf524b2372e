//! The build store: bases that are no base of anything any more, and what a build that broke off has left.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::choice::{Stored, unarchived};
use super::shrunk;
use crate::command::output;
use crate::images::{STORE, buildah};
use crate::paths::Paths;

/// What buildah tells of an image or a container; it says `null` for an empty list.
#[derive(Deserialize)]
struct Told {
    id: String,
    names: Option<Vec<String>>,
}

/// Removes what nothing uses and says how many bytes that were. While somebody builds, everything is in use.
pub(super) fn pruned(paths: &Paths) -> Result<u64> {
    let store = paths.cache.join(STORE);
    if !store.is_dir() || builds(&store) {
        return Ok(0);
    }
    let containers = told(paths, &["containers", "--json"])?;
    let images = told(paths, &["images", "--json"])?;
    let stored: Vec<Stored> =
        images.into_iter().map(|one| Stored { id: one.id, names: one.names.unwrap_or_default() }).collect();
    let unused = unarchived(&stored, &archives(paths)?);
    if containers.is_empty() && unused.is_empty() {
        return Ok(0);
    }
    shrunk(&store, || {
        if !containers.is_empty() {
            output(buildah(paths).arg("rm").args(containers.iter().map(|one| &one.id)))?;
        }
        if !unused.is_empty() {
            output(buildah(paths).arg("rmi").args(&unused))?;
        }
        Ok(())
    })
}

fn told(paths: &Paths, question: &[&str]) -> Result<Vec<Told>> {
    let answer = output(buildah(paths).args(question))?;
    let told: Option<Vec<Told>> = serde_json::from_str(&answer).context("buildah answered other JSON than expected")?;
    Ok(told.unwrap_or_default())
}

fn archives(paths: &Paths) -> Result<Vec<String>> {
    let folder = paths.cache.join("images");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// Whether a buildah is at work in this store.
fn builds(store: &Path) -> bool {
    let store = store.display().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok());
    lines.into_iter().any(|line| is_buildah(&line, &store))
}

fn is_buildah(command_line: &str, store: &str) -> bool {
    let mut words = command_line.split('\0');
    words.next().is_some_and(|program| program.ends_with("buildah")) && words.any(|word| word.starts_with(store))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_told_by_its_program_and_its_store() {
        let table = [
            ("buildah\0--root\0/cache/buildah/root\0bud\0", true),
            ("/usr/bin/buildah\0--root\0/cache/buildah/root\0", true),
            ("buildah\0--root\0/elsewhere/root\0bud\0", false),
            ("du\0/cache/buildah\0", false),
        ];
        for (line, expected) in table {
            assert_eq!(is_buildah(line, "/cache/buildah"), expected, "{line:?}");
        }
    }
}
