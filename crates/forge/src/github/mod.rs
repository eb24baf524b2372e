//! GitHub, asked over its REST API.

mod accounts;
mod client;
mod files;
mod hooks;
mod issues;
mod probes;
mod pulls;
mod remarks;
mod secrets;

use std::fmt;

use chrono::{DateTime, Utc};
use domain::labels::LabelSpec;
use secrecy::SecretString;
use url::Url;

use self::client::{Answer, Client};
use crate::error::ForgeError;
use crate::model::{
    Comment, Comparison, Delivery, DeliveryLog, Environment, FileText, HookSpec, Issue, LabelFix, NewPull, Pull,
    Remark, Repository, RepositoryName, RepositoryPermission, Review, Viewer,
};
use crate::provider::{Answered, RepositoryProvider};
use crate::rights::RightCheck;

/// GitHub, or something that speaks like it, asked with one token. Clones share their connections.
#[derive(Clone)]
pub struct GitHub {
    client: Client,
}

impl GitHub {
    /// For the API at `api_url` (`https://api.github.com`). Call it inside the runtime. Loading the machine's certificates takes
    /// milliseconds, so keep one and use [`GitHub::acting_with`] for other tokens.
    ///
    /// # Errors
    /// [`ForgeError::Other`] when no client can be built, or the token cannot be a header.
    pub fn new(api_url: &Url, token: &SecretString) -> Answered<Self> {
        Ok(Self { client: Client::new(api_url, token)? })
    }

    /// The same GitHub over the same connections, asked with another token.
    ///
    /// # Errors
    /// [`ForgeError::Other`] when the token cannot be a header.
    pub fn acting_with(&self, token: &SecretString) -> Answered<Self> {
        Ok(Self { client: self.client.with_token(token)? })
    }
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GitHub")
    }
}

/// What was to be removed and is not there is removed.
fn gone_is_done(answer: Answered<Answer>) -> Answered<()> {
    match answer {
        Ok(_) | Err(ForgeError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

impl RepositoryProvider for GitHub {
    async fn viewer(&self) -> Answered<Viewer> {
        accounts::viewer(&self.client).await
    }

    async fn repository(&self, name: &RepositoryName) -> Answered<Repository> {
        accounts::repository(&self.client, name).await
    }

    async fn check_rights(&self, name: &RepositoryName) -> Answered<Vec<RightCheck>> {
        probes::check(&self.client, name).await
    }

    async fn permission_of(
        &self,
        name: &RepositoryName,
        id: i64,
        login: &str,
    ) -> Answered<Option<RepositoryPermission>> {
        accounts::permission(&self.client, name, id, login).await
    }

    async fn ensure_webhook(&self, name: &RepositoryName, spec: &HookSpec) -> Answered<i64> {
        hooks::ensure(&self.client, name, spec).await
    }

    async fn remove_webhook(&self, name: &RepositoryName, hook: i64) -> Answered<()> {
        hooks::remove(&self.client, name, hook).await
    }

    async fn deliveries(
        &self,
        name: &RepositoryName,
        hook: i64,
        since: DateTime<Utc>,
        known: Option<&str>,
    ) -> Answered<Option<DeliveryLog>> {
        hooks::deliveries(&self.client, name, hook, since, known).await
    }

    async fn delivery(&self, name: &RepositoryName, hook: i64, attempt: i64) -> Answered<Delivery> {
        hooks::delivery(&self.client, name, hook, attempt).await
    }

    async fn label_fixes(&self, name: &RepositoryName, wanted: &[LabelSpec]) -> Answered<Vec<LabelFix>> {
        issues::label_fixes(&self.client, name, wanted).await
    }

    async fn fix_label(&self, name: &RepositoryName, fix: &LabelFix) -> Answered<()> {
        issues::fix_label(&self.client, name, fix).await
    }

    async fn issue(&self, name: &RepositoryName, number: i64) -> Answered<Issue> {
        issues::issue(&self.client, name, number).await
    }

    async fn open_issues(&self, name: &RepositoryName, since: DateTime<Utc>, most: usize) -> Answered<Vec<Issue>> {
        issues::open_since(&self.client, name, since, most).await
    }

    async fn issue_labels(&self, name: &RepositoryName, number: i64) -> Answered<Vec<String>> {
        issues::labels(&self.client, name, number).await
    }

    async fn add_labels(&self, name: &RepositoryName, number: i64, labels: &[String]) -> Answered<()> {
        issues::add_labels(&self.client, name, number, labels).await
    }

    async fn remove_label(&self, name: &RepositoryName, number: i64, label: &str) -> Answered<()> {
        issues::remove_label(&self.client, name, number, label).await
    }

    async fn create_comment(&self, name: &RepositoryName, number: i64, body: &str) -> Answered<Comment> {
        issues::create_comment(&self.client, name, number, body).await
    }

    async fn update_comment(&self, name: &RepositoryName, comment: i64, body: &str) -> Answered<Comment> {
        issues::update_comment(&self.client, name, comment, body).await
    }

    async fn find_comment_by_marker(
        &self,
        name: &RepositoryName,
        number: i64,
        author: i64,
        marker: &str,
    ) -> Answered<Option<Comment>> {
        issues::find_comment(&self.client, name, number, author, marker).await
    }

    async fn comments(&self, name: &RepositoryName, number: i64) -> Answered<Vec<Comment>> {
        issues::comments(&self.client, name, number).await
    }

    async fn has_environment_secret(&self, name: &RepositoryName, environment: &str, secret: &str) -> Answered<bool> {
        secrets::exists(&self.client, name, environment, secret).await
    }

    async fn ensure_environment(&self, name: &RepositoryName, environment: Environment<'_>) -> Answered<()> {
        secrets::ensure(&self.client, name, environment).await
    }

    async fn put_environment_secret(
        &self,
        name: &RepositoryName,
        environment: Environment<'_>,
        secret: &str,
        value: &SecretString,
    ) -> Answered<bool> {
        secrets::put(&self.client, name, environment, secret, value).await
    }

    async fn ensure_reaction(&self, name: &RepositoryName, comment: i64, content: &str) -> Answered<()> {
        issues::ensure_reaction(&self.client, name, comment, content).await
    }

    async fn branch_head(&self, name: &RepositoryName, branch: &str) -> Answered<Option<String>> {
        pulls::branch_head(&self.client, name, branch).await
    }

    async fn folder(&self, name: &RepositoryName, folder: &str, endings: &[&str]) -> Answered<Vec<FileText>> {
        files::folder(&self.client, name, folder, endings).await
    }

    async fn compare(&self, name: &RepositoryName, base: &str, head: &str) -> Answered<Comparison> {
        pulls::compare(&self.client, name, base, head).await
    }

    async fn find_pull_by_head(&self, name: &RepositoryName, branch: &str) -> Answered<Option<Pull>> {
        pulls::find_by_head(&self.client, name, branch).await
    }

    async fn pull(&self, name: &RepositoryName, number: i64) -> Answered<Pull> {
        pulls::get(&self.client, name, number).await
    }

    async fn remarks(&self, name: &RepositoryName, number: i64, since: DateTime<Utc>) -> Answered<Vec<Remark>> {
        remarks::since(&self.client, name, number, since).await
    }

    async fn reviews(&self, name: &RepositoryName, number: i64, since: DateTime<Utc>) -> Answered<Vec<Review>> {
        remarks::reviews(&self.client, name, number, since).await
    }

    async fn issue_remarks(&self, name: &RepositoryName, number: i64, since: DateTime<Utc>) -> Answered<Vec<Remark>> {
        remarks::on_issue(&self.client, name, number, since).await
    }

    async fn create_pull(&self, name: &RepositoryName, pull: &NewPull) -> Answered<Pull> {
        pulls::create(&self.client, name, pull).await
    }

    async fn update_pull(&self, name: &RepositoryName, number: i64, title: &str, body: &str) -> Answered<Pull> {
        pulls::update(&self.client, name, number, title, body).await
    }
}
