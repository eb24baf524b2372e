//! Putting a working tree back into a fresh checkout.
//!
//! What the bundle holds is put on the run's branch as it was: commits as commits, everything else as changes that
//! are not staged. Meanwhile the branch on the other side may have moved, and then it is never turned back:
//!
//! | The branch on the other side | What is checked out |
//! |---|---|
//! | is not there, or is contained in the commits that were kept | these commits, and the files on top |
//! | contains the commits that were kept (a push came after the snapshot) | the branch, and on top those files that still fit: git merges them, and where that is not clean all of them are older than what was pushed and left out |
//! | has gone another way | nothing; the run starts fresh from the branch |

use std::time::Duration;

use anyhow::Context;

use super::NAME;
use crate::{
    agent_env::Paths,
    git::{Git, GitError},
};

const LOCAL_LIMIT: Duration = Duration::from_mins(2);

/// What the working tree is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// As it was kept.
    AsKept,
    /// The branch, which had moved on, with the kept changes on top.
    OnTop,
    /// The branch, which had moved on; the kept changes do not fit it any more.
    Branch,
}

/// Puts the tree in `bundle` into a fresh checkout that stands on the run's branch.
///
/// # Errors
/// When the bundle cannot be used, what it builds on is gone, or the branch has gone another way. The checkout is then
/// not to be used.
pub async fn restore(paths: &Paths, git: &Git, branch: &str, bundle: &[u8]) -> anyhow::Result<Placed> {
    let file = paths.exchange.join("worktree.bundle");
    tokio::fs::write(&file, bundle).await.context("writing the bundle")?;
    let path = file.to_str().context("the workspace's path is not UTF-8")?;
    let fetched = git.run(LOCAL_LIMIT, &["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", path, NAME]).await;
    let _ = tokio::fs::remove_file(&file).await;
    fetched.context("reading the bundle")?;
    let kept = git.run(LOCAL_LIMIT, &["rev-parse", "--verify", "FETCH_HEAD"]).await?;
    let head = git.run(LOCAL_LIMIT, &["rev-parse", "--verify", &format!("{kept}^")]).await?;
    let pushed = format!("refs/remotes/origin/{branch}");
    let is_pushed = git.run(LOCAL_LIMIT, &["rev-parse", "--verify", "--quiet", &pushed]).await.is_ok();
    if !is_pushed || is_ancestor(git, &pushed, &head).await? {
        git.run(LOCAL_LIMIT, &["reset", "--quiet", "--hard", &kept]).await?;
        git.run(LOCAL_LIMIT, &["reset", "--quiet", "--soft", &head]).await?;
        unstage(git).await?;
        return Ok(Placed::AsKept);
    }
    let goes_on = is_ancestor(git, &head, &pushed).await?;
    anyhow::ensure!(goes_on, "the branch has gone another way than the commits that were kept");
    put_on_top(git, &kept).await
}

/// Both sides may hold the same changes: the agent's last commits are often what was not committed before.
async fn put_on_top(git: &Git, kept: &str) -> anyhow::Result<Placed> {
    match git.run(LOCAL_LIMIT, &["cherry-pick", "--no-commit", kept]).await {
        Ok(_) => {
            unstage(git).await?;
            Ok(Placed::OnTop)
        }
        Err(GitError::Failed { stderr, .. }) => {
            tracing::info!(stderr, "what was kept does not fit the branch");
            git.run(LOCAL_LIMIT, &["reset", "--quiet", "--hard"]).await?;
            Ok(Placed::Branch)
        }
        Err(error) => Err(error.into()),
    }
}

async fn unstage(git: &Git) -> Result<(), GitError> {
    git.run(LOCAL_LIMIT, &["reset", "--quiet"]).await.map(drop)
}

async fn is_ancestor(git: &Git, older: &str, newer: &str) -> Result<bool, GitError> {
    match git.run(LOCAL_LIMIT, &["merge-base", "--is-ancestor", older, newer]).await {
        Ok(_) => Ok(true),
        Err(GitError::Failed { code: Some(1), .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
