//! Going on where an earlier pod ended: its session and its working tree, both or neither. An agent that remembers
//! what is not there would be worse off than one that begins anew.

use anyhow::Context;
use contract::agent::{Resume, RunContext};

use crate::{
    agent_env::Paths,
    api::RunApi,
    git::Git,
    session,
    worktree::{self, Placed},
};

/// Puts session and working tree of `resume` back, into a fresh checkout on the run's branch. Answers where the files
/// come from, for people to read.
///
/// # Errors
/// When one of them cannot be fetched or put back. The checkout is then not to be used.
pub async fn restore(
    api: &RunApi,
    paths: &Paths,
    git: &Git,
    context: &RunContext,
    resume: &Resume,
) -> anyhow::Result<&'static str> {
    session::restore(api, &paths.codex_home, resume).await?;
    let Some(bundle) = worktree::fetch(api, resume).await? else { return Ok("on the branch as it was pushed") };
    let placed = worktree::restore(paths, git, &context.branch, &bundle).await.context("putting the files back")?;
    Ok(match placed {
        Placed::AsKept => "with its files as they were last kept",
        Placed::OnTop => "on the branch, which has moved on, with its files on top",
        Placed::Branch => "on the branch, which has moved on; the files that were kept are older and left out",
    })
}
