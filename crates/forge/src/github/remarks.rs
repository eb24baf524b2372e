//! What people said about a pull request, or on an issue. GitHub keeps it in three lists: reviews, remarks on lines, and
//! the comments that every issue has.

use chrono::{DateTime, Utc};
use domain::event::Verdict;
use domain::let_in::WordsKind;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::{Client, Route};
use crate::model::{Account, Remark, RepositoryName, Review};
use crate::provider::Answered;

#[derive(Deserialize)]
struct Said {
    id: i64,
    user: Option<Account>,
    #[serde(default)]
    body: Option<String>,
    html_url: String,
    /// Of a review; it has none before it is handed in.
    submitted_at: Option<DateTime<Utc>>,
    created_at: Option<DateTime<Utc>>,
    /// Of a remark on a line.
    path: Option<String>,
    line: Option<i64>,
}

impl Said {
    fn remark(self, kind: WordsKind) -> Option<Remark> {
        let body = self.body.filter(|body| !body.trim().is_empty())?;
        let place = self.path.map(|path| match self.line {
            Some(line) => format!("{path}:{line}"),
            None => path,
        });
        let at = self.submitted_at.or(self.created_at)?;
        Some(Remark { kind, id: self.id, author: self.user, body, html_url: self.html_url, place, at })
    }
}

pub(super) async fn since(
    client: &Client,
    name: &RepositoryName,
    number: i64,
    since: DateTime<Utc>,
) -> Answered<Vec<Remark>> {
    let pull = || Route::repository(name, "pulls").then(number);
    let (reviews, lines, comments) = tokio::try_join!(
        all(client, pull().then("reviews")),
        all(client, pull().then("comments")),
        all(client, Route::repository(name, "issues").then(number).then("comments")),
    )?;
    let lists = [(WordsKind::Review, reviews), (WordsKind::Line, lines), (WordsKind::Comment, comments)];
    let said = lists.into_iter().flat_map(|(kind, said)| said.into_iter().map(move |one| (kind, one)));
    Ok(in_order(said, since))
}

pub(super) async fn on_issue(
    client: &Client,
    name: &RepositoryName,
    number: i64,
    since: DateTime<Utc>,
) -> Answered<Vec<Remark>> {
    let comments: Vec<Said> = all(client, Route::repository(name, "issues").then(number).then("comments")).await?;
    Ok(in_order(comments.into_iter().map(|one| (WordsKind::Comment, one)), since))
}

fn in_order(said: impl Iterator<Item = (WordsKind, Said)>, since: DateTime<Utc>) -> Vec<Remark> {
    let remarks = said.filter_map(|(kind, one)| one.remark(kind));
    let mut remarks: Vec<Remark> = remarks.filter(|remark| remark.at >= since).collect();
    remarks.sort_by_key(|remark| remark.at);
    remarks
}

#[derive(Deserialize)]
struct HandedIn {
    id: i64,
    user: Option<Account>,
    state: String,
    submitted_at: Option<DateTime<Utc>>,
}

pub(super) async fn reviews(
    client: &Client,
    name: &RepositoryName,
    number: i64,
    since: DateTime<Utc>,
) -> Answered<Vec<Review>> {
    let all: Vec<HandedIn> = all(client, Route::repository(name, "pulls").then(number).then("reviews")).await?;
    let is_new = |review: &HandedIn| review.submitted_at.is_some_and(|at| at >= since);
    let decides = |HandedIn { id, user: author, state, .. }: HandedIn| {
        Verdict::of_state(&state).map(|verdict| Review { id, author, verdict })
    };
    Ok(all.into_iter().filter(is_new).filter_map(decides).collect())
}

async fn all<T: DeserializeOwned>(client: &Client, route: Route) -> Answered<Vec<T>> {
    client.list(&route, |_: &[T]| false).await
}
