//! A cheap look at the working tree: whether anything changed that a snapshot would show, and how much there is.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{LOCAL_LIMIT, NotKept};
use crate::git::Git;

/// Bytes of a listing; a tree with more changed files has too many to be kept.
const LISTING_LIMIT: u64 = 32 * 1024 * 1024;

/// What a look saw. Two that are equal saw the same tree, as far as names, sizes and times tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    mark: [u8; 32],
    /// Of all files that differ from the last commit.
    pub(super) bytes: u64,
}

/// Looks at what is checked out.
pub(super) async fn look(git: &Git) -> Result<Look, NotKept> {
    // Refreshing the index would take the lock that the agent's own git may want in this moment.
    let reading = git.with([("GIT_OPTIONAL_LOCKS", "0".into())]);
    let status = ["status", "--porcelain=v2", "--branch", "--untracked-files=all", "--no-renames", "-z"];
    let listing = reading.read(LOCAL_LIMIT, &status, "", LISTING_LIMIT).await?;
    let checkout = git.dir().to_owned();
    let seen = tokio::task::spawn_blocking(move || measure(&listing, &checkout)).await;
    Ok(seen.map_err(std::io::Error::other)?)
}

fn measure(listing: &[u8], checkout: &Path) -> Look {
    let mut mark = Sha256::new_with_prefix(listing);
    let mut bytes = 0;
    for path in listing.split(|byte| *byte == 0).filter_map(path_of) {
        // A file that is gone is known by its line alone.
        let Ok(about) = std::fs::symlink_metadata(checkout.join(path)) else { continue };
        for number in [about.mtime(), about.mtime_nsec(), about.len().cast_signed(), about.mode().into()] {
            mark.update(number.to_le_bytes());
        }
        bytes += if about.is_file() { about.len() } else { 0 };
    }
    Look { mark: mark.finalize().into(), bytes }
}

/// The path in a line of the listing: changed, unmerged, or unknown to git.
fn path_of(line: &[u8]) -> Option<PathBuf> {
    let before = match line.first()? {
        b'1' => 8,
        b'u' => 10,
        b'?' => 1,
        _ => return None,
    };
    let path = line.splitn(before + 1, |byte| *byte == b' ').nth(before)?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_every_kind_of_line() {
        let lines = [
            ("1 .M N... 100644 100644 100644 aa bb src/a b.rs", Some("src/a b.rs")),
            ("u UU N... 100644 100644 100644 100644 aa bb cc both.rs", Some("both.rs")),
            ("? new file", Some("new file")),
            ("# branch.oid aa", None),
            ("", None),
        ];
        for (line, path) in lines {
            assert_eq!(path_of(line.as_bytes()), path.map(PathBuf::from), "{line}");
        }
    }
}
