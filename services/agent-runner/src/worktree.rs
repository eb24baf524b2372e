//! Snapshots of the working tree, so that a later launch finds what this one had not pushed: commits, and everything
//! that was not committed. A snapshot is one bundle with one commit: its tree is the working tree, its parent the
//! branch as the agent has it. Other branches, stashes and ignored files are not kept.
//!
//! Nothing in the checkout is touched: index and objects of a snapshot lie beside it, so the agent's own git never
//! waits, and what was kept a hundred times does not fill the pod's disk.
//!
//! A bundle cannot be redacted. It is sealed on the other side, and returns only to a pod of the same session.

mod look;
mod place;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use contract::agent::{AgentEventKind, Resume};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::{
    api::{ApiError, RunApi, WorktreeSnapshot},
    events::Draft,
    feed::Feed,
    git::{Git, GitError},
};

use look::{Look, look};
pub use place::{Placed, restore};

/// The contract's largest snapshot.
pub const SNAPSHOT_LIMIT: u64 = 64 * 1024 * 1024;
/// Bytes of files that are not committed. More would rarely pack to what may be kept, and trying fills the disk.
const FILES_LIMIT: u64 = 4 * SNAPSHOT_LIMIT;
/// Of one git command. The session waits for it, so it may not hang for long.
const LOCAL_LIMIT: Duration = Duration::from_mins(1);
/// The name of the commit in its bundle.
const NAME: &str = "refs/codex-k8s/worktree";

/// Why the working tree was not kept.
#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error("what is neither pushed nor ignored is larger than {} MiB", SNAPSHOT_LIMIT / 1024 / 1024)]
    TooLarge,
    #[error(transparent)]
    Git(GitError),
    #[error("reading the working tree")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl From<GitError> for NotKept {
    fn from(error: GitError) -> Self {
        match error {
            GitError::TooLong { .. } => Self::TooLarge,
            other => Self::Git(other),
        }
    }
}

impl NotKept {
    /// Whether people should know: it is no passing failure. Git without an exit code was killed with the agent's
    /// processes.
    const fn lasts(&self) -> bool {
        matches!(self, Self::TooLarge | Self::Git(GitError::Failed { code: Some(_), .. }))
    }
}

/// What was kept of the working tree of one launch.
pub struct Worktree {
    api: RunApi,
    feed: Feed,
    checkout: watch::Receiver<Option<Git>>,
    /// For index and objects of a snapshot.
    beside: PathBuf,
    version: i64,
    kept: Option<Look>,
    told: bool,
}

impl Worktree {
    /// Nothing was kept so far. The checkout will show in `checkout`; the folder `beside` is the keeper's own.
    #[must_use]
    pub const fn new(api: RunApi, feed: Feed, checkout: watch::Receiver<Option<Git>>, beside: PathBuf) -> Self {
        Self { api, feed, checkout, beside, version: 0, kept: None, told: false }
    }

    /// Uploads the working tree if it changed since the last upload. The first time that it cannot be kept for a
    /// reason of its own, the run says so.
    ///
    /// # Errors
    /// When git fails, or the gateway does not take it. A tree that is too large is none: it stays so until the agent
    /// changes it.
    pub async fn keep(&mut self) -> anyhow::Result<()> {
        let Some(git) = self.checkout.borrow().clone() else { return Ok(()) };
        let Err(error) = self.keep_changes(&git).await else { return Ok(()) };
        if error.lasts() && !std::mem::replace(&mut self.told, true) {
            let text = format!("The working tree is not kept for another pod: {error}");
            self.feed.put(Draft::new(AgentEventKind::Notice, text)).await;
        }
        if matches!(error, NotKept::TooLarge) { Ok(()) } else { Err(error.into()) }
    }

    async fn keep_changes(&mut self, git: &Git) -> Result<(), NotKept> {
        let seen = look(git).await?;
        if self.kept.as_ref() == Some(&seen) {
            return Ok(());
        }
        let bundled = if seen.bytes > FILES_LIMIT { Err(NotKept::TooLarge) } else { bundle(git, &self.beside).await };
        let _ = tokio::fs::remove_dir_all(&self.beside).await;
        if matches!(bundled, Err(NotKept::TooLarge)) {
            self.kept = Some(seen);
            return Err(NotKept::TooLarge);
        }
        let bytes = bundled?;
        // A number is used up by the attempt: an upload whose answer was lost may have arrived.
        self.version += 1;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let snapshot = WorktreeSnapshot { version: self.version, sha256, bytes: bytes.into() };
        self.api.put_worktree(&snapshot).await?;
        self.kept = Some(seen);
        Ok(())
    }
}

/// The working tree as a bundle; `beside` is emptied first.
async fn bundle(git: &Git, beside: &Path) -> Result<Vec<u8>, NotKept> {
    let _ = tokio::fs::remove_dir_all(beside).await;
    let (index, objects) = (beside.join("index"), beside.join("objects"));
    tokio::fs::create_dir_all(&objects).await?;
    // The agent's index knows which ignored files are tracked all the same, and spares reading what has not changed.
    let theirs = git.dir().join(".git");
    match tokio::fs::copy(theirs.join("index"), &index).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let aside = git.with([
        ("GIT_INDEX_FILE", index.into()),
        ("GIT_OBJECT_DIRECTORY", objects.into()),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", theirs.join("objects").into()),
    ]);
    let commit = commit(&aside).await?;
    let history = aside.run(LOCAL_LIMIT, &["rev-list", "--boundary", &commit, "--not", "--remotes=origin"]).await?;
    let known: Vec<&str> = history.lines().filter_map(|line| line.strip_prefix('-')).collect();
    let mut wanted = format!("{commit}\n");
    let mut bundle = "# v2 git bundle\n".to_owned();
    for id in known {
        wanted += &format!("^{id}\n");
        bundle += &format!("-{id}\n");
    }
    bundle += &format!("{commit} {NAME}\n\n");
    // By hand, because `git bundle` names refs only, and a ref to what lies aside would break the agent's repository.
    let pack = ["pack-objects", "--quiet", "--revs", "--thin", "--delta-base-offset", "--stdout"];
    let most = SNAPSHOT_LIMIT - bundle.len() as u64;
    let pack = aside.read(LOCAL_LIMIT, &pack, &wanted, most).await?;
    Ok([bundle.into_bytes(), pack].concat())
}

/// Commits the working tree on top of what is checked out, without moving anything.
async fn commit(aside: &Git) -> Result<String, NotKept> {
    let head = aside.run(LOCAL_LIMIT, &["rev-parse", "--verify", "HEAD"]).await?;
    match aside.run(LOCAL_LIMIT, &["add", "--all", "--ignore-errors"]).await {
        // The agent's commands make and remove files meanwhile; what could be read is there.
        Ok(_) | Err(GitError::Failed { code: Some(1), .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let tree = aside.run(LOCAL_LIMIT, &["write-tree"]).await?;
    Ok(aside.run(LOCAL_LIMIT, &["commit-tree", &tree, "-p", &head, "-m", "Working tree"]).await?)
}

/// Fetches the working tree that belongs to the session and checks that it is the one that was announced.
///
/// # Errors
/// When there is none, or another.
pub async fn fetch(api: &RunApi, resume: &Resume) -> anyhow::Result<Option<bytes::Bytes>> {
    let Some(announced) = &resume.worktree_sha256 else { return Ok(None) };
    let bytes = api.worktree().await.context("fetching the working tree")?;
    let digest = hex::encode(Sha256::digest(&bytes));
    anyhow::ensure!(digest == *announced, "the working tree is not the one that was announced");
    Ok(Some(bytes))
}
