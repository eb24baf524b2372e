//! What the platform asks of the place its repositories live in.

use chrono::{DateTime, Utc};
use domain::labels::LabelSpec;
use secrecy::SecretString;

use crate::error::ForgeError;
use crate::model::{
    Comment, Comparison, Delivery, DeliveryLog, Environment, FileText, HookSpec, Issue, LabelFix, NewPull, Pull,
    Remark, Repository, RepositoryName, RepositoryPermission, Review, Viewer,
};
use crate::rights::RightCheck;

/// What a call gives.
pub type Answered<T> = Result<T, ForgeError>;

/// A forge, asked with one token. Every call has a time limit. Reads are repeated when the forge was not available;
/// writes never are, because their outcome is then unknown. Writes named `ensure` and `remove` may be repeated by the
/// caller: they look first.
pub trait RepositoryProvider: Clone + Send + Sync + 'static {
    /// Whom the token belongs to.
    fn viewer(&self) -> impl Future<Output = Answered<Viewer>> + Send;

    /// The repository as it is now.
    fn repository(&self, name: &RepositoryName) -> impl Future<Output = Answered<Repository>> + Send;

    /// Whether the token has every right the platform needs, and none that it must not have. Leaves nothing behind.
    fn check_rights(&self, name: &RepositoryName) -> impl Future<Output = Answered<Vec<RightCheck>>> + Send;

    /// A person's level. `None` as answer when the login now belongs to another id than `id`.
    fn permission_of(
        &self,
        name: &RepositoryName,
        id: i64,
        login: &str,
    ) -> impl Future<Output = Answered<Option<RepositoryPermission>>> + Send;

    /// Makes the webhook with this URL what `spec` says; gives its id.
    fn ensure_webhook(&self, name: &RepositoryName, spec: &HookSpec) -> impl Future<Output = Answered<i64>> + Send;

    /// Removes a webhook; one that is not there is removed already.
    fn remove_webhook(&self, name: &RepositoryName, hook: i64) -> impl Future<Output = Answered<()>> + Send;

    /// What a webhook delivered or failed to, newest first, back to `since` (GitHub keeps three days). `None` when the log
    /// is still in the `known` state, which costs nothing.
    fn deliveries(
        &self,
        name: &RepositoryName,
        hook: i64,
        since: DateTime<Utc>,
        known: Option<&str>,
    ) -> impl Future<Output = Answered<Option<DeliveryLog>>> + Send;

    /// One delivery with its payload, by the id of the attempt.
    fn delivery(
        &self,
        name: &RepositoryName,
        hook: i64,
        attempt: i64,
    ) -> impl Future<Output = Answered<Delivery>> + Send;

    /// What differs from the labels that are wanted; others are left alone.
    fn label_fixes(
        &self,
        name: &RepositoryName,
        wanted: &[LabelSpec],
    ) -> impl Future<Output = Answered<Vec<LabelFix>>> + Send;

    /// Makes a label, or corrects how it looks.
    fn fix_label(&self, name: &RepositoryName, fix: &LabelFix) -> impl Future<Output = Answered<()>> + Send;

    /// An issue or pull request.
    fn issue(&self, name: &RepositoryName, number: i64) -> impl Future<Output = Answered<Issue>> + Send;

    /// Open issues and pull requests about which anything changed since a moment, the last changed first. Where there are
    /// more than `most`, it may stop there.
    fn open_issues(
        &self,
        name: &RepositoryName,
        since: DateTime<Utc>,
        most: usize,
    ) -> impl Future<Output = Answered<Vec<Issue>>> + Send;

    /// The names of all labels on an issue.
    fn issue_labels(&self, name: &RepositoryName, number: i64) -> impl Future<Output = Answered<Vec<String>>> + Send;

    /// Puts labels on an issue; those it has stay.
    fn add_labels(
        &self,
        name: &RepositoryName,
        number: i64,
        labels: &[String],
    ) -> impl Future<Output = Answered<()>> + Send;

    /// Takes a label off an issue; one that is not on it is off already.
    fn remove_label(
        &self,
        name: &RepositoryName,
        number: i64,
        label: &str,
    ) -> impl Future<Output = Answered<()>> + Send;

    /// Writes a comment.
    fn create_comment(
        &self,
        name: &RepositoryName,
        number: i64,
        body: &str,
    ) -> impl Future<Output = Answered<Comment>> + Send;

    /// Replaces a comment's text.
    fn update_comment(
        &self,
        name: &RepositoryName,
        comment: i64,
        body: &str,
    ) -> impl Future<Output = Answered<Comment>> + Send;

    /// The first comment of `author` that contains `marker`; the same marker from anybody else does not count.
    fn find_comment_by_marker(
        &self,
        name: &RepositoryName,
        number: i64,
        author: i64,
        marker: &str,
    ) -> impl Future<Output = Answered<Option<Comment>>> + Send;

    /// All comments on an issue, the oldest first.
    fn comments(&self, name: &RepositoryName, number: i64) -> impl Future<Output = Answered<Vec<Comment>>> + Send;

    /// Sees to it that there is an environment of this name, where the token may make one; one that is there stays as it is.
    /// A guarded one is made so that only protected branches deploy there: GitHub lets the workflows of every branch read
    /// the secrets of one about which nothing is said.
    fn ensure_environment(
        &self,
        name: &RepositoryName,
        environment: Environment<'_>,
    ) -> impl Future<Output = Answered<()>> + Send;

    /// Whether an environment has a secret of this name. An environment that is not there has none.
    fn has_environment_secret(
        &self,
        name: &RepositoryName,
        environment: &str,
        secret: &str,
    ) -> impl Future<Output = Answered<bool>> + Send;

    /// Gives a secret of an environment this value, sealed on its way; answers whether it is new. An environment that is
    /// not there is made, where the token may, as [`Self::ensure_environment`] does. The same value again changes nothing.
    fn put_environment_secret(
        &self,
        name: &RepositoryName,
        environment: Environment<'_>,
        secret: &str,
        value: &SecretString,
    ) -> impl Future<Output = Answered<bool>> + Send;

    /// Sees to it that the account has put a reaction (`eyes`, `+1`, …) on a comment of an issue.
    fn ensure_reaction(
        &self,
        name: &RepositoryName,
        comment: i64,
        content: &str,
    ) -> impl Future<Output = Answered<()>> + Send;

    /// The commit a branch points to; `None` when there is no such branch.
    fn branch_head(&self, name: &RepositoryName, branch: &str)
    -> impl Future<Output = Answered<Option<String>>> + Send;

    /// The files right in a folder of the default branch whose names end in one of `endings`. All are listed, some may
    /// lack their text; a folder that is not there has none.
    fn folder(
        &self,
        name: &RepositoryName,
        folder: &str,
        endings: &[&str],
    ) -> impl Future<Output = Answered<Vec<FileText>>> + Send;

    /// What `head` has that `base` lacks. Both are branches or commit hashes.
    fn compare(
        &self,
        name: &RepositoryName,
        base: &str,
        head: &str,
    ) -> impl Future<Output = Answered<Comparison>> + Send;

    /// The pull request that offers this branch of this repository: the open one, else the newest.
    fn find_pull_by_head(
        &self,
        name: &RepositoryName,
        branch: &str,
    ) -> impl Future<Output = Answered<Option<Pull>>> + Send;

    /// A pull request.
    fn pull(&self, name: &RepositoryName, number: i64) -> impl Future<Output = Answered<Pull>> + Send;

    /// What was said about a pull request since a moment, in the order in which it was said; empty words are left out.
    fn remarks(
        &self,
        name: &RepositoryName,
        number: i64,
        since: DateTime<Utc>,
    ) -> impl Future<Output = Answered<Vec<Remark>>> + Send;

    /// The reviews of a pull request that decide something and were handed in since a moment, the oldest first.
    fn reviews(
        &self,
        name: &RepositoryName,
        number: i64,
        since: DateTime<Utc>,
    ) -> impl Future<Output = Answered<Vec<Review>>> + Send;

    /// What was said on an issue since a moment, in the order in which it was said; empty words are left out.
    fn issue_remarks(
        &self,
        name: &RepositoryName,
        number: i64,
        since: DateTime<Utc>,
    ) -> impl Future<Output = Answered<Vec<Remark>>> + Send;

    /// Opens a pull request.
    fn create_pull(&self, name: &RepositoryName, pull: &NewPull) -> impl Future<Output = Answered<Pull>> + Send;

    /// Replaces a pull request's title and body.
    fn update_pull(
        &self,
        name: &RepositoryName,
        number: i64,
        title: &str,
        body: &str,
    ) -> impl Future<Output = Answered<Pull>> + Send;
}
