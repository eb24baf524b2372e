//! What rebuilding leaves behind, removed when a rollout has succeeded: images of the node, copies in the cache, layers in
//! the build store. Nothing of it is needed for the platform to run, so a failure here is a warning.

mod choice;
mod copies;
mod node;
mod store;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

pub(crate) use copies::{drop_older, mark_used};

use crate::cluster::Cluster;
use crate::command::output;
use crate::paths::Paths;

/// Removes what nothing refers to any more; `current` are the images that were just rolled out.
pub(crate) fn after_rollout(paths: &Paths, cluster: &Cluster, current: &[String]) {
    let mut freed = 0;
    for part in [node::pruned(paths, cluster, current), copies::pruned(paths), store::pruned(paths)] {
        match part {
            Ok(bytes) => freed += bytes,
            Err(error) => eprintln!(" warn what nothing uses any more stays: {error:#}"),
        }
    }
    if freed > 0 {
        eprintln!("   ok remove old images and programs ({} freed)", size(freed));
    }
}

/// By how many bytes `work` makes a folder smaller.
fn shrunk(folder: &Path, work: impl FnOnce() -> Result<()>) -> Result<u64> {
    let before = held(folder)?;
    work()?;
    Ok(before.saturating_sub(held(folder)?))
}

fn held(folder: &Path) -> Result<u64> {
    let told = output(Command::new("du").args(["--summarize", "--one-file-system", "--block-size=1"]).arg(folder))?;
    let bytes = told.split_whitespace().next().and_then(|bytes| bytes.parse().ok());
    bytes.with_context(|| format!("du said no size: {told}"))
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_like_speech() {
        let table = [(999, "0 kB"), (12_345, "12 kB"), (270_363_136, "270 MB"), (1_260_000_000, "1.2 GB")];
        for (bytes, expected) in table {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_folder_shrinks_by_what_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old");
        std::fs::write(&file, [1; 100_000]).unwrap();
        let freed = shrunk(folder.path(), || Ok(std::fs::remove_file(&file)?)).unwrap();
        assert!((100_000..200_000).contains(&freed), "{freed}");
    }
}
