//! The agent's part of a launch: codex at work in a checkout, in the session of an earlier pod where there is one that
//! can be restored, else fresh from the branch.

use std::path::Path;

use contract::agent::{AgentEventKind, Resume, RunContext, RunResultReason};
use tokio::sync::watch;

use crate::{
    agent_env::{Environment, Paths},
    api::RunApi,
    checkout::check_out,
    codex::{Codex, Ended, Task},
    codex_config::CodexFiles,
    events::Draft,
    feed::Feed,
    git::Git,
    keeper::Progress,
    report::Failure,
    resume::restore,
};

/// Where the agent works, and who is told about it.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The platform.
    pub api: &'a RunApi,
    /// The run's page.
    pub feed: &'a Feed,
    /// Codex's binary.
    pub program: &'a Path,
    /// The folders it works in.
    pub paths: &'a Paths,
    /// What it and its commands find around them.
    pub environment: &'a Environment,
    /// Where the repository is cloned from.
    pub remote: &'a str,
    /// What the run is about.
    pub context: &'a RunContext,
    /// The checkout goes here as long as it is the session's.
    pub checkout: &'a watch::Sender<Option<Git>>,
    /// How far codex is goes here.
    pub progress: &'a watch::Sender<Progress>,
}

impl Desk<'_> {
    /// A fresh checkout on the run's branch, which belongs to no session yet.
    ///
    /// # Errors
    /// When the repository cannot be cloned.
    pub async fn check_out(&self) -> anyhow::Result<Git> {
        self.checkout.send_replace(None);
        self.progress.send_replace(Progress::default());
        check_out(self.paths, self.environment, self.remote, self.context).await
    }

    /// Lets codex work to its end in a fresh checkout. Answers how it ended, and the checkout it worked in.
    ///
    /// # Errors
    /// When codex cannot be run, or the repository cannot be cloned once more.
    pub async fn work(&self, git: Git, files: &CodexFiles) -> anyhow::Result<(Ended, Git)> {
        let afresh = match &self.context.answers {
            Some(answers) => format!("{}\n\n{answers}", self.context.prompt.trim_end()),
            None => self.context.prompt.clone(),
        };
        let begin = Task::Begin(&afresh);
        let Some(resume) = &self.context.resume else { return self.codex(git, files, begin).await };
        match self.go_on(git, files, resume).await {
            Ok(ended) => Ok(ended),
            Err(error) => {
                let text = format!(
                    "The earlier session cannot be restored, so the agent starts fresh from the branch: {error:#}"
                );
                self.feed.put(Draft::new(AgentEventKind::Notice, text)).await;
                self.codex(self.check_out().await?, files, begin).await
            }
        }
    }

    async fn go_on(&self, git: Git, files: &CodexFiles, resume: &Resume) -> anyhow::Result<(Ended, Git)> {
        let how = restore(self.api, self.paths, &git, self.context, resume).await?;
        self.feed.step(format!("The session {} goes on, {how}", resume.session_id)).await;
        let task = Task::GoOn { session: resume.session_id, message: &resume.message };
        let (ended, git) = self.codex(git, files, task).await?;
        match ended {
            // Codex or the model cannot make anything of this session, and would not the next time either.
            Ended::Unbegun(reason) if Failure::of_codex(reason.clone()).reason == RunResultReason::AgentError => {
                anyhow::bail!(reason)
            }
            ended => Ok((ended, git)),
        }
    }

    async fn codex(&self, git: Git, files: &CodexFiles, task: Task<'_>) -> anyhow::Result<(Ended, Git)> {
        self.checkout.send_replace(Some(git.clone()));
        let codex = Codex { program: self.program, paths: self.paths, files, environment: self.environment };
        Ok((codex.work(task, self.feed, self.progress).await?, git))
    }
}
