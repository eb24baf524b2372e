//! What the agent changed, as git sees it, and its way to the run's branch.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use contract::agent::RunContext;
use domain::closing;

use crate::git::{Git, GitError};

const LOCAL_LIMIT: Duration = Duration::from_mins(2);
const PUSH_LIMIT: Duration = Duration::from_mins(5);
/// Of a commit's subject, as git's own habit has it.
const SUBJECT_LIMIT: usize = 72;

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no commit beside those of the base branch.
    #[error("the agent changed nothing")]
    NothingChanged,
    /// The gateway refused the push; the text is its own.
    #[error("the push was refused:\n{0}")]
    Refused(String),
    /// The checkout cannot be used any more; nobody but the agent worked in it.
    #[error("the agent left a checkout that git cannot work with")]
    Broken(#[from] GitError),
    /// The push did not come through.
    #[error("the branch could not be pushed")]
    Push(#[source] GitError),
}

/// Commits what the agent left uncommitted, pushes the branch and returns the commit pushed.
///
/// # Errors
/// When there is nothing to push, the push is refused, or git fails.
pub async fn publish(git: &Git, context: &RunContext, title: Option<&str>) -> Result<String, PublishError> {
    if !git.run(LOCAL_LIMIT, &["status", "--porcelain"]).await?.is_empty() {
        git.run(LOCAL_LIMIT, &["add", "--all"]).await?;
        let message = leftover_message(&context.branch, title);
        git.run(LOCAL_LIMIT, &["commit", "--quiet", "--message", &message]).await?;
    }
    let ahead = format!("refs/remotes/origin/{}..HEAD", context.base_branch);
    if git.run(LOCAL_LIMIT, &["rev-list", "--count", &ahead]).await? == "0" {
        return Err(PublishError::NothingChanged);
    }
    push(git, &format!("HEAD:refs/heads/{}", context.branch)).await?;
    head(git).await
}

/// The commit that is checked out.
///
/// # Errors
/// When git fails.
pub async fn head(git: &Git) -> Result<String, PublishError> {
    Ok(git.run(LOCAL_LIMIT, &["rev-parse", "HEAD"]).await?)
}

async fn push(git: &Git, refspec: &str) -> Result<(), PublishError> {
    let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(500)).with_max_times(4);
    (async || git.run(PUSH_LIMIT, &["push", "--quiet", "origin", refspec]).await.map_err(classify))
        .retry(pauses)
        .when(|error| matches!(error, PublishError::Push(_)))
        .notify(|error, pause| tracing::warn!(?error, ?pause, "the push is tried again"))
        .await
        .map(drop)
}

/// A push that reached the other side and was turned down there is an answer; everything else may go better later.
fn classify(error: GitError) -> PublishError {
    match error {
        GitError::Failed { ref stderr, .. }
            if stderr.contains("[remote rejected]") || stderr.contains("[rejected]") =>
        {
            let said = stderr.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim);
            let said = said.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
            PublishError::Refused(if said.is_empty() { stderr.clone() } else { said })
        }
        other => PublishError::Push(other),
    }
}

/// The message of the commit that takes in what the agent left. It never closes the issue.
fn leftover_message(branch: &str, title: Option<&str>) -> String {
    let subject = title.and_then(|title| title.lines().next()).map(str::trim).filter(|title| !title.is_empty());
    let subject: String = closing::defuse(subject.unwrap_or("Keep what the agent left uncommitted"))
        .chars()
        .take(SUBJECT_LIMIT)
        .collect();
    match issue_of(branch) {
        Some(issue) => format!("{subject}\n\nRefs #{issue}"),
        None => subject,
    }
}

/// The issue that the branch's name carries (see `domain::names::branch`).
fn issue_of(branch: &str) -> Option<u64> {
    let (issue, _) = branch.rsplit('/').next()?.strip_prefix('i')?.split_once('-')?;
    issue.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_committed_with_the_issues_number_and_closes_nothing() {
        let branch = domain::names::branch(12, domain::ids::RunId::new());
        assert_eq!(leftover_message(&branch, Some("Add a dark mode\nmore")), "Add a dark mode\n\nRefs #12");
        assert_eq!(leftover_message(&branch, Some("Fixes #12")), "Refs #12\n\nRefs #12");
        assert_eq!(leftover_message("topic", None), "Keep what the agent left uncommitted");
    }

    #[test]
    fn a_refusal_is_told_from_a_failure() {
        let failed = |stderr: &str| GitError::Failed { command: "push".into(), code: Some(1), stderr: stderr.into() };
        let refused = "remote: .github/workflows/ci.yml may not be changed        \nremote: \n ! [remote rejected] HEAD -> codex/i1-x (pre-receive hook declined)";
        assert!(
            matches!(classify(failed(refused)), PublishError::Refused(said) if said == ".github/workflows/ci.yml may not be changed")
        );
        assert!(matches!(classify(failed("fatal: unable to access: 502")), PublishError::Push(_)));
    }
}
