//! Issues, their labels and their comments.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::labels::LabelSpec;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Client, Route};
use crate::error::ForgeError;
use crate::model::{Account, Comment, Issue, LabelFix, RepositoryName};
use crate::provider::Answered;

#[derive(Deserialize)]
struct Label {
    name: String,
    #[serde(default)]
    color: String,
    description: Option<String>,
}

#[derive(Deserialize)]
struct GitHubIssue {
    number: i64,
    title: String,
    body: Option<String>,
    state: String,
    user: Option<Account>,
    labels: Vec<Label>,
    pull_request: Option<Value>,
    html_url: String,
    updated_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    closed_by: Option<Account>,
}

impl From<GitHubIssue> for Issue {
    fn from(issue: GitHubIssue) -> Self {
        Self {
            number: issue.number,
            title: issue.title,
            body: issue.body.unwrap_or_default(),
            open: issue.state == "open",
            author: issue.user,
            labels: issue.labels.into_iter().map(|label| label.name).collect(),
            is_pull_request: issue.pull_request.is_some(),
            html_url: issue.html_url,
            updated_at: issue.updated_at,
            closed_at: issue.closed_at,
            closed_by: issue.closed_by,
        }
    }
}

fn at(name: &RepositoryName, number: i64) -> Route {
    Route::repository(name, "issues").then(number)
}

pub(super) async fn issue(client: &Client, name: &RepositoryName, number: i64) -> Answered<Issue> {
    client.get::<GitHubIssue>(&at(name, number)).await.map(Issue::from)
}

pub(super) async fn open_since(
    client: &Client,
    name: &RepositoryName,
    since: DateTime<Utc>,
    most: usize,
) -> Answered<Vec<Issue>> {
    let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
    let route = Route::repository(name, "issues")
        .query("state", "open")
        .query("sort", "updated")
        .query("direction", "desc")
        .query("since", since);
    let all = client.list(&route, |seen: &[GitHubIssue]| seen.len() >= most).await?;
    Ok(all.into_iter().map(Issue::from).collect())
}

pub(super) async fn label_fixes(
    client: &Client,
    name: &RepositoryName,
    wanted: &[LabelSpec],
) -> Answered<Vec<LabelFix>> {
    let existing: Vec<Label> = client.list(&Route::repository(name, "labels"), |_| false).await?;
    let fix = |label: &LabelSpec| {
        let known = existing.iter().find(|known| known.name.eq_ignore_ascii_case(&label.name));
        let is_right = known.is_some_and(|known| looks_like(known, label));
        (!is_right).then(|| LabelFix { label: label.clone(), known_as: known.map(|known| known.name.clone()) })
    };
    Ok(wanted.iter().filter_map(fix).collect())
}

pub(super) async fn fix_label(client: &Client, name: &RepositoryName, fix: &LabelFix) -> Answered<()> {
    let (route, label) = (Route::repository(name, "labels"), &fix.label);
    let body = json!({ "name": label.name, "color": label.color, "description": label.description });
    match &fix.known_as {
        Some(known) => client.write(Method::PATCH, &route.then(known), Some(&body)).await.map(drop),
        None => create_label(client, &route, &label.name, &body).await,
    }
}

async fn create_label(client: &Client, route: &Route, label: &str, body: &Value) -> Answered<()> {
    match client.write(Method::POST, route, Some(body)).await {
        // Somebody may have made it in between; how it looks is settled the next time.
        Err(refused @ ForgeError::Validation { .. }) => {
            let found = client.find::<Label>(&route.clone().then(label)).await?;
            found.map(drop).ok_or(refused)
        }
        made => made.map(drop),
    }
}

fn looks_like(known: &Label, wanted: &LabelSpec) -> bool {
    known.name == wanted.name
        && known.color.eq_ignore_ascii_case(&wanted.color)
        && known.description.as_deref().unwrap_or_default() == wanted.description
}

pub(super) async fn labels(client: &Client, name: &RepositoryName, number: i64) -> Answered<Vec<String>> {
    let all: Vec<Label> = client.list(&at(name, number).then("labels"), |_| false).await?;
    Ok(all.into_iter().map(|label| label.name).collect())
}

pub(super) async fn add_labels(client: &Client, name: &RepositoryName, number: i64, labels: &[String]) -> Answered<()> {
    if labels.is_empty() {
        return Ok(());
    }
    let body = json!({ "labels": labels });
    client.write(Method::POST, &at(name, number).then("labels"), Some(&body)).await.map(drop)
}

pub(super) async fn remove_label(client: &Client, name: &RepositoryName, number: i64, label: &str) -> Answered<()> {
    super::gone_is_done(client.write(Method::DELETE, &at(name, number).then("labels").then(label), None).await)
}

pub(super) async fn create_comment(
    client: &Client,
    name: &RepositoryName,
    number: i64,
    body: &str,
) -> Answered<Comment> {
    let route = at(name, number).then("comments");
    client.write(Method::POST, &route, Some(&json!({ "body": body }))).await?.read()
}

pub(super) async fn update_comment(
    client: &Client,
    name: &RepositoryName,
    comment: i64,
    body: &str,
) -> Answered<Comment> {
    let route = Route::repository(name, "issues/comments").then(comment);
    client.write(Method::PATCH, &route, Some(&json!({ "body": body }))).await?.read()
}

pub(super) async fn find_comment(
    client: &Client,
    name: &RepositoryName,
    number: i64,
    author: i64,
    marker: &str,
) -> Answered<Option<Comment>> {
    let is_it = |comment: &Comment| {
        comment.user.as_ref().is_some_and(|user| user.id == author) && comment.body.contains(marker)
    };
    let seen = client.list(&at(name, number).then("comments"), |seen: &[Comment]| seen.iter().any(is_it)).await?;
    Ok(seen.into_iter().find(is_it))
}

pub(super) async fn comments(client: &Client, name: &RepositoryName, number: i64) -> Answered<Vec<Comment>> {
    client.list(&at(name, number).then("comments"), |_: &[Comment]| false).await
}

/// GitHub keeps one reaction of a kind by each account: making it again answers the one that is there.
pub(super) async fn ensure_reaction(
    client: &Client,
    name: &RepositoryName,
    comment: i64,
    content: &str,
) -> Answered<()> {
    let route = Route::repository(name, "issues/comments").then(comment).then("reactions");
    client.write(Method::POST, &route, Some(&json!({ "content": content }))).await.map(drop)
}
