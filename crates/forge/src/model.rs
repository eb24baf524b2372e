//! What a forge tells, in our words: only what somebody here reads.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::event::Verdict;
use domain::labels::LabelSpec;
use domain::let_in::WordsKind;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// `owner/name` of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryName {
    /// The person or organisation that owns it.
    pub owner: String,
    /// Its own name.
    pub name: String,
}

/// An environment of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Environment<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it has to be made, it is made for protected branches alone.
    pub guarded: bool,
}

/// The text is not `owner/name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a repository is named owner/name, with letters, digits, dots, dashes and underscores")]
pub struct BadRepositoryName;

impl FromStr for RepositoryName {
    type Err = BadRepositoryName;

    fn from_str(text: &str) -> Result<Self, BadRepositoryName> {
        let fits = |part: &str| {
            let letters = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            letters && (1..=100).contains(&part.len()) && part != "." && part != ".."
        };
        let (owner, name) = text.split_once('/').ok_or(BadRepositoryName)?;
        if fits(owner) && fits(name) {
            Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
        } else {
            Err(BadRepositoryName)
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// What kind of account this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AccountKind {
    /// A person, or a machine that uses a person's kind of account.
    User,
    /// An app.
    Bot,
    /// An organisation.
    Organization,
    /// Something this version does not know.
    #[serde(other)]
    Unknown,
}

/// An account. Only `id` identifies it: logins can be given to somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Numeric id, for ever the same.
    pub id: i64,
    /// Name, which can change.
    pub login: String,
    /// What kind of account it is.
    #[serde(rename = "type", default = "user")]
    pub kind: AccountKind,
}

fn user() -> AccountKind {
    AccountKind::User
}

/// Whom a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The account.
    pub account: Account,
    /// The scopes of a classic token; `None` for a token whose rights the forge does not list.
    pub scopes: Option<Vec<String>>,
}

/// A repository, as the token sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Numeric id, kept through renames and transfers.
    pub id: i64,
    /// `owner/name` as it is now.
    pub full_name: String,
    /// The branch that pull requests go to.
    pub default_branch: String,
    /// Whether only its members see it.
    pub private: bool,
    /// Read-only for everybody.
    #[serde(default)]
    pub archived: bool,
    /// Whose it is.
    pub owner: Account,
    /// What the token's account may do.
    #[serde(default)]
    pub permissions: AccountRights,
}

/// What an account may do in a repository, whatever its token may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct AccountRights {
    /// Settings and webhooks.
    #[serde(default)]
    pub admin: bool,
    /// Write.
    #[serde(default)]
    pub push: bool,
    /// Read.
    #[serde(default)]
    pub pull: bool,
}

/// A person's level in a repository, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepositoryPermission {
    /// Not a collaborator.
    None,
    /// Sees it.
    Read,
    /// Writes to it.
    Write,
    /// Manages it.
    Admin,
}

/// A webhook as it should be.
#[derive(Debug, Clone)]
pub struct HookSpec {
    /// Where deliveries go; also what the hook is recognised by.
    pub url: Url,
    /// What they are signed with.
    pub secret: SecretString,
    /// Which events are sent.
    pub events: Vec<String>,
}

/// An issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number in the repository.
    pub number: i64,
    /// One line.
    pub title: String,
    /// Markdown; empty when there is none.
    pub body: String,
    /// Whether it is open.
    pub open: bool,
    /// Who wrote it; `None` when the account is gone.
    pub author: Option<Account>,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Whether it is a pull request.
    pub is_pull_request: bool,
    /// Its page.
    pub html_url: String,
    /// When anything about it changed last.
    pub updated_at: DateTime<Utc>,
    /// When it was closed, while it is.
    pub closed_at: Option<DateTime<Utc>>,
    /// Who closed it; only told when one is asked for, and `None` when the account is gone.
    pub closed_by: Option<Account>,
}

/// A label that is missing, or looks otherwise than wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFix {
    /// What is wanted.
    pub label: LabelSpec,
    /// Its name now, where it is there: case may differ.
    pub known_as: Option<String>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comment {
    /// Numeric id.
    pub id: i64,
    /// Its address on the page.
    pub html_url: String,
    /// Markdown.
    #[serde(default)]
    pub body: String,
    /// Who wrote it; `None` when the account is gone.
    pub user: Option<Account>,
}

/// A commit in a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its hash.
    pub sha: String,
    /// Its whole message.
    pub message: String,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChangedFile {
    /// Its path now.
    #[serde(rename = "filename")]
    pub path: String,
    /// Its path before, when it was renamed.
    #[serde(rename = "previous_filename")]
    pub previous_path: Option<String>,
    /// `added`, `removed`, `modified`, `renamed`, `copied`, `changed` or `unchanged`.
    pub status: String,
}

/// A file as it is on the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// From the repository's root.
    pub path: String,
    /// What it says; `None` when it is too large, no text, no plain file, or one file too many.
    pub text: Option<String>,
}

/// How two commits differ, from their merge base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// How many commits the head has that the base lacks.
    pub ahead_by: i64,
    /// How many commits the base has that the head lacks.
    pub behind_by: i64,
    /// The commits of the head, oldest first.
    pub commits: Vec<CommitInfo>,
    /// The files that differ.
    pub files: Vec<ChangedFile>,
    /// Whether there are more files than the forge lists (300 on GitHub): `files` proves nothing then.
    pub files_cut: bool,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number in the repository.
    pub number: i64,
    /// Its page.
    pub html_url: String,
    /// Whether it is open.
    pub open: bool,
    /// Whether it was merged.
    pub merged: bool,
    /// Who merged it; only told when one is asked for, and `None` when the account is gone.
    pub merged_by: Option<Account>,
    /// When it was merged or closed, while it is.
    pub closed_at: Option<DateTime<Utc>>,
    /// The commit it offers.
    pub head_sha: String,
    /// The branch it goes to.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown; empty when there is none.
    pub body: String,
    /// Who opened it; `None` when the account is gone.
    pub author: Option<Account>,
}

/// Something that somebody said about a pull request: a review's own words, a remark on a line, or a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is.
    pub kind: WordsKind,
    /// Its numeric id, among those of its kind.
    pub id: i64,
    /// Who said it; `None` when the account is gone.
    pub author: Option<Account>,
    /// Markdown.
    pub body: String,
    /// Its page.
    pub html_url: String,
    /// File and line that it is about.
    pub place: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A review of a pull request that decides something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Numeric id.
    pub id: i64,
    /// Who handed it in; `None` when the account is gone.
    pub author: Option<Account>,
    /// What it decides.
    pub verdict: Verdict,
}

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPull {
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// The branch of this repository that it offers.
    pub head: String,
    /// The branch it goes to.
    pub base: String,
    /// Whether it begins as a draft.
    pub draft: bool,
}

/// One attempt of the forge to deliver an event, as its log lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeliverySummary {
    /// Id of this attempt, for [`crate::RepositoryProvider::delivery`].
    pub id: i64,
    /// Id of the event's delivery; the same for every attempt.
    pub guid: String,
    /// When it was tried.
    pub delivered_at: DateTime<Utc>,
    /// Whether somebody asked for it again.
    pub redelivery: bool,
    /// What we answered. When there was no answer it is none of success.
    pub status_code: u16,
    /// The event's name.
    pub event: String,
    /// The event's action, when it has one.
    pub action: Option<String>,
}

/// A part of the forge's log of deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryLog {
    /// The attempts, newest first.
    pub entries: Vec<DeliverySummary>,
    /// What names the state that the log is in, where the forge says so.
    pub version: Option<String>,
}

/// What was to be delivered. These are not the signed bytes: the forge keeps the value alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Id of the event's delivery.
    pub guid: String,
    /// The event's name.
    pub event: String,
    /// Its body.
    pub payload: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_name_cannot_be_a_path() {
        let name: RepositoryName = "octo-org/hello.world".parse().unwrap();
        assert_eq!(name.to_string(), "octo-org/hello.world");
        for text in ["", "octo", "octo/", "/x", "octo/..", "a/b/c", "a/b?c", "a/b%2f", "ä/b"] {
            assert!(text.parse::<RepositoryName>().is_err(), "{text}");
        }
    }
}
