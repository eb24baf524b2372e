//! Where the stack keeps things: state that a second checkout takes over, caches that outlive a purge, and the checkout.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What a checkout is told by.
const MARK: &str = "xtask/Cargo.toml";

/// The stack's state, all of it: data directories, keys, pid files, sockets.
const STATE: &str = "/var/lib/codex-k8s-dev";

/// The folders that every part of the stack agrees on.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The repository it was started in.
    pub(crate) checkout: PathBuf,
    /// Build products, downloads and logs, shared by all checkouts of one user.
    pub(crate) cache: PathBuf,
    /// What a running stack is made of.
    pub(crate) state: PathBuf,
}

impl Paths {
    /// Finds the folders and creates the cache, which needs no privilege.
    pub(crate) fn find() -> Result<Self> {
        // Cargo names the folder of what it runs: xtask's own, or a test's that starts xtask.
        let start = env::var_os("CARGO_MANIFEST_DIR").map_or_else(env::current_dir, |folder| Ok(folder.into()))?;
        let checkout = checkout(&start)?;
        let home = env::var_os("HOME").context("HOME is not set, so there is no place for the caches")?;
        let cache = PathBuf::from(home).join(".cache/codex-k8s");
        fs::create_dir_all(cache.join("logs")).with_context(|| format!("cannot create {}", cache.display()))?;
        Ok(Self { checkout, cache, state: PathBuf::from(STATE) })
    }

    /// The complete output of one step.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.cache.join("logs").join(format!("{name}.log"))
    }

    /// What a background process of the stack writes.
    pub(crate) fn daemon_log(&self, name: &str) -> PathBuf {
        self.state.join("log").join(format!("{name}.log"))
    }

    /// Who a background process of the stack is.
    pub(crate) fn pid_file(&self, name: &str) -> PathBuf {
        self.state.join("run").join(format!("{name}.pid"))
    }

    /// Cargo's build products, outside the checkout so that a fresh clone reuses them.
    pub(crate) fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.cache.join("target"), PathBuf::from)
    }

    /// Creates a folder of the state.
    pub(crate) fn make_state(&self, name: &str) -> Result<PathBuf> {
        let folder = self.state.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }
}

/// The checkout around a folder. Never from compile time: a build folder may be shared, or outlive its checkout.
fn checkout(start: &Path) -> Result<PathBuf> {
    let found = start.ancestors().find(|folder| folder.join(MARK).is_file());
    let found = found.with_context(|| format!("{} is not inside a checkout of codex-k8s", start.display()))?;
    Ok(found.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_is_found_from_any_folder_in_it() {
        let root = tempfile::tempdir().unwrap();
        let (inner, other) = (root.path().join("one/tests/cluster"), root.path().join("two"));
        for folder in [&inner, &other, &root.path().join("one/xtask")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(root.path().join("one").join(MARK), "").unwrap();
        assert_eq!(checkout(&inner).unwrap(), root.path().join("one"));
        assert!(format!("{:#}", checkout(&other).unwrap_err()).contains("not inside a checkout"));
    }
}
