//! Programs, package trees and image archives in the cache, each named after what it was made from.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::choice::{Copy, older_copies};
use crate::paths::Paths;

/// Says that this copy is in use now: the least recently used ones are those that go. One that cannot be marked only
/// goes earlier and is made again.
pub(crate) fn mark_used(copy: &Path) {
    let _ = File::open(copy).and_then(|file| file.set_modified(SystemTime::now()));
}

/// Removes all but the last copies of each kind in a folder, and says how many bytes that were.
pub(crate) fn drop_older(folder: &Path) -> Result<u64> {
    let copies = copies(folder)?;
    let mut freed = 0;
    for name in older_copies(&copies) {
        let file = folder.join(name);
        freed += file.metadata().map_or(0, |found| found.len());
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(freed)
}

/// All folders of the cache that hold such copies.
pub(super) fn pruned(paths: &Paths) -> Result<u64> {
    Ok(drop_older(&paths.cache.join("bin"))? + drop_older(&paths.cache.join("images"))?)
}

fn copies(folder: &Path) -> Result<Vec<Copy>> {
    let running = running();
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        copies.push(Copy { name, used: entry.metadata()?.modified()?, runs: running.contains(&entry.path()) });
    }
    Ok(copies)
}

/// The programs of all processes that we may look at.
fn running() -> BTreeSet<PathBuf> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| fs::read_link(process.path().join("exe")).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_copy_that_was_found_again_is_not_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["x-aaaaaaaaaaaa", "x-bbbbbbbbbbbb", "x-cccccccccccc"];
        for (age, name) in (1..).zip(names) {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(60 * age)).unwrap();
        }
        mark_used(&folder.path().join(names[2]));
        drop_older(folder.path()).unwrap();
        let left = names.map(|name| folder.path().join(name).exists());
        assert_eq!(left, [true, false, true]);
    }
}
