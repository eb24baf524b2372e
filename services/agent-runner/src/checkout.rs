//! The checkout: the run's repository through the gateway's git broker, on the run's branch.

use std::{path::Path, time::Duration};

use anyhow::Context;
use backon::{ExponentialBuilder, Retryable};
use contract::agent::RunContext;

use crate::{
    agent_env::{Environment, Paths},
    git::{Git, GitError},
};

const CLONE_LIMIT: Duration = Duration::from_mins(10);
const LOCAL_LIMIT: Duration = Duration::from_mins(1);

/// Clones, and puts the checkout on the run's branch: the remote one if an earlier launch pushed it, else a new one
/// from the base. Returns git in the checkout.
///
/// # Errors
/// When the repository cannot be cloned in a few attempts, or has no such base branch.
pub async fn check_out(
    paths: &Paths,
    environment: &Environment,
    remote: &str,
    context: &RunContext,
) -> anyhow::Result<Git> {
    write_identity(&paths.home, &context.commit_author_name, &context.commit_author_email)?;
    let outside = Git::new(paths.home.clone(), environment.clone());
    let target = paths.repo.to_str().context("the workspace's path is not UTF-8")?;
    let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(500)).with_max_times(4);
    (async || {
        // Git refuses to clone over what a failed attempt left.
        let _ = tokio::fs::remove_dir_all(&paths.repo).await;
        outside.run(CLONE_LIMIT, &["clone", "--quiet", "--branch", &context.base_branch, "--", remote, target]).await
    })
    .retry(pauses)
    .notify(|error: &GitError, pause| tracing::warn!(%error, ?pause, "the clone is tried again"))
    .await
    .context("cloning the repository")?;

    let git = Git::new(paths.repo.clone(), environment.clone());
    let pushed = format!("refs/remotes/origin/{}", context.branch);
    let earlier = git.run(LOCAL_LIMIT, &["rev-parse", "--verify", "--quiet", &pushed]).await.is_ok();
    let start = if earlier { pushed.as_str() } else { "HEAD" };
    git.run(LOCAL_LIMIT, &["switch", "--quiet", "--no-track", "-c", &context.branch, start])
        .await
        .context("making the branch")?;
    Ok(git)
}

/// The agent's commits carry the platform's account; a plain `git push` pushes the current branch to its own name.
fn write_identity(home: &Path, name: &str, email: &str) -> std::io::Result<()> {
    let quote = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
    let (name, email) = (quote(name), quote(email));
    let text = format!(
        "[user]\n\tname = \"{name}\"\n\temail = \"{email}\"\n[push]\n\tdefault = current\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n"
    );
    std::fs::write(home.join(".gitconfig"), text)
}
