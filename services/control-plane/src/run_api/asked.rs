//! What GitHub is asked for a run's prompt and for its tools: who wrote what, with which right, and what was said.
//! The run does not wait long for any of it: what GitHub does not say is left out or told without a right.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::ids::RepositoryId;
use forge::{
    Account, Comment, ForgeError, GitHub, Issue, Pull, Remark, RepositoryName, RepositoryPermission, RepositoryProvider,
};
use prompts::comments;
use prompts::run::Author;

use crate::github;
use crate::state::App;

/// How long GitHub may take with one answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The newest remarks count; a prompt has to be read.
pub(super) const MOST_REMARKS: usize = 50;

/// A repository as a prompt's maker asks about it.
pub(super) struct Asked {
    opened: anyhow::Result<(GitHub, RepositoryName)>,
    /// Rights of people, asked once.
    rights: HashMap<i64, &'static str>,
}

impl Asked {
    /// Opens a repository with its sealed token.
    pub(super) fn open(app: &App, id: RepositoryId, full_name: &str, sealed: &[u8]) -> Self {
        Self { opened: github::open(app, id, full_name, sealed), rights: HashMap::new() }
    }

    async fn ask<'a, T, F: Future<Output = Result<T, ForgeError>>>(
        &'a self,
        question: impl FnOnce(&'a GitHub, &'a RepositoryName) -> F,
    ) -> anyhow::Result<T> {
        let (github, name) = self.opened.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let answered = tokio::time::timeout(PATIENCE, question(github, name)).await;
        Ok(answered.context("GitHub took too long")??)
    }

    /// An account with what it may do here; `unknown` when GitHub does not say.
    pub(super) async fn author(&mut self, id: i64, login: &str) -> Author {
        let permission = match self.rights.get(&id) {
            Some(known) => known,
            None => {
                let right = match self.ask(|github, name| github.permission_of(name, id, login)).await {
                    Ok(level) => word(level),
                    Err(error) => {
                        tracing::warn!(error = format!("{error:#}"), login, "an author is told without a right");
                        "unknown"
                    }
                };
                self.rights.insert(id, right);
                right
            }
        };
        Author { login: login.to_owned(), permission: permission.to_owned() }
    }

    /// The author behind an account; nobody may vouch for one that is gone.
    pub(super) async fn author_of(&mut self, account: Option<&Account>) -> Author {
        match account {
            Some(account) => self.author(account.id, &account.login).await,
            None => Author { login: "ghost".into(), permission: "none".into() },
        }
    }

    /// A pull request, if GitHub tells it.
    pub(super) async fn pull(&self, number: i64) -> Option<Pull> {
        let asked = self.ask(|github, name| github.pull(name, number)).await;
        asked
            .inspect_err(|error| tracing::warn!(error = format!("{error:#}"), number, "the pull request is not told"))
            .ok()
    }

    /// Comments on an issue, the newest of those that are to be told; of the platform's own account its answers only.
    pub(super) async fn comments(
        &self,
        number: i64,
        own: i64,
        is_told: impl Fn(i64) -> bool,
    ) -> anyhow::Result<Vec<Comment>> {
        let mut comments = self.ask(|github, name| github.comments(name, number)).await?;
        comments.retain(|said| {
            let is_own = said.user.as_ref().is_some_and(|user| user.id == own);
            is_told(said.id) && (!is_own || comments::answered(&said.body).is_some())
        });
        Ok(newest(comments))
    }

    /// An issue or pull request.
    pub(super) async fn issue(&self, number: i64) -> anyhow::Result<Issue> {
        self.ask(|github, name| github.issue(name, number)).await
    }

    /// What was said on an issue since a moment.
    pub(super) async fn issue_remarks(&self, number: i64, since: DateTime<Utc>) -> anyhow::Result<Vec<Remark>> {
        let remarks = self.ask(|github, name| github.issue_remarks(name, number, since)).await?;
        Ok(newest(remarks))
    }

    /// What was said about a pull request since a moment.
    pub(super) async fn remarks(&self, number: i64, since: DateTime<Utc>) -> anyhow::Result<Vec<Remark>> {
        self.ask(|github, name| github.remarks(name, number, since)).await
    }
}

fn newest<T>(mut said: Vec<T>) -> Vec<T> {
    let surplus = said.len().saturating_sub(MOST_REMARKS);
    said.split_off(surplus)
}

const fn word(level: Option<RepositoryPermission>) -> &'static str {
    match level {
        Some(RepositoryPermission::Admin) => "admin",
        Some(RepositoryPermission::Write) => "write",
        Some(RepositoryPermission::Read) => "read",
        Some(RepositoryPermission::None) | None => "none",
    }
}
