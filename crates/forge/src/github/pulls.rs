//! Branches, what is on them, and the pull requests that offer them.

use chrono::{DateTime, Utc};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Client, Route};
use crate::error::ForgeError;
use crate::model::{Account, ChangedFile, CommitInfo, Comparison, NewPull, Pull, RepositoryName};
use crate::provider::Answered;

/// GitHub lists no more files of a comparison than this.
const MOST_FILES: usize = 300;
const PAGE: usize = 100;

#[derive(Deserialize)]
struct GitHubPull {
    number: i64,
    html_url: String,
    state: String,
    merged_at: Option<String>,
    merged_by: Option<Account>,
    closed_at: Option<DateTime<Utc>>,
    head: End,
    base: End,
    title: String,
    body: Option<String>,
    user: Option<Account>,
}

#[derive(Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    repo: Option<EndRepository>,
}

#[derive(PartialEq, Deserialize)]
struct EndRepository {
    id: i64,
}

impl From<GitHubPull> for Pull {
    fn from(pull: GitHubPull) -> Self {
        Self {
            number: pull.number,
            html_url: pull.html_url,
            open: pull.state == "open",
            merged: pull.merged_at.is_some(),
            merged_by: pull.merged_by,
            closed_at: pull.closed_at,
            head_sha: pull.head.sha,
            base: pull.base.branch,
            title: pull.title,
            body: pull.body.unwrap_or_default(),
            author: pull.user,
        }
    }
}

pub(super) async fn get(client: &Client, name: &RepositoryName, number: i64) -> Answered<Pull> {
    client.get::<GitHubPull>(&Route::repository(name, "pulls").then(number)).await.map(Pull::from)
}

pub(super) async fn branch_head(client: &Client, name: &RepositoryName, branch: &str) -> Answered<Option<String>> {
    #[derive(Deserialize)]
    struct Reference {
        object: Target,
    }
    #[derive(Deserialize)]
    struct Target {
        sha: String,
    }
    let route = Route::repository(name, &format!("git/ref/heads/{branch}"));
    match client.find::<Reference>(&route).await {
        // A repository without any commit has no branches.
        Err(ForgeError::Conflict { .. }) => Ok(None),
        found => Ok(found?.map(|reference| reference.object.sha)),
    }
}

pub(super) async fn compare(client: &Client, name: &RepositoryName, base: &str, head: &str) -> Answered<Comparison> {
    #[derive(Deserialize)]
    struct Page {
        ahead_by: i64,
        behind_by: i64,
        total_commits: usize,
        commits: Vec<PageCommit>,
        #[serde(default)]
        files: Vec<ChangedFile>,
    }
    #[derive(Deserialize)]
    struct PageCommit {
        sha: String,
        commit: Message,
    }
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let route = Route::repository(name, "compare").then(format!("{base}...{head}")).query("per_page", PAGE);
    let mut first: Page = client.get(&route.clone().query("page", 1)).await?;
    for page in 2..=first.total_commits.div_ceil(PAGE) {
        first.commits.extend(client.get::<Page>(&route.clone().query("page", page)).await?.commits);
    }
    let info = |commit: PageCommit| CommitInfo { sha: commit.sha, message: commit.commit.message };
    Ok(Comparison {
        ahead_by: first.ahead_by,
        behind_by: first.behind_by,
        commits: first.commits.into_iter().map(info).collect(),
        files_cut: first.files.len() >= MOST_FILES,
        files: first.files,
    })
}

pub(super) async fn find_by_head(client: &Client, name: &RepositoryName, branch: &str) -> Answered<Option<Pull>> {
    let route = Route::repository(name, "pulls")
        .query("head", format!("{}:{branch}", name.owner))
        .query("state", "all")
        .query("sort", "created")
        .query("direction", "desc");
    let mut all: Vec<GitHubPull> = client.list(&route, |_| false).await?;
    all.retain(|pull| pull.head.branch == branch && pull.head.repo == pull.base.repo);
    let open = all.iter().position(|pull| pull.state == "open").unwrap_or(0);
    Ok((open < all.len()).then(|| all.swap_remove(open).into()))
}

pub(super) async fn create(client: &Client, name: &RepositoryName, pull: &NewPull) -> Answered<Pull> {
    let NewPull { title, body, head, base, draft } = pull;
    let wanted = json!({ "title": title, "body": body, "head": head, "base": base, "draft": draft });
    written(client, Method::POST, &Route::repository(name, "pulls"), &wanted).await
}

pub(super) async fn update(
    client: &Client,
    name: &RepositoryName,
    number: i64,
    title: &str,
    body: &str,
) -> Answered<Pull> {
    let wanted = json!({ "title": title, "body": body });
    written(client, Method::PATCH, &Route::repository(name, "pulls").then(number), &wanted).await
}

async fn written(client: &Client, method: Method, route: &Route, wanted: &Value) -> Answered<Pull> {
    client.write(method, route, Some(wanted)).await?.read::<GitHubPull>().map(Pull::from)
}
