//! `let_ins`: words of people who may not write to a repository, let in by somebody who may.

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, RepositoryId, RunId, UserId};
use domain::let_in::{LetIn, Words, WordsKind};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Coded, Cursor, Result, flow};

/// More than anybody lets in on one page.
const MOST: i64 = 1000;

/// Words that are let in.
#[derive(Debug, Clone)]
pub struct LetInRow {
    /// The row.
    pub id: Uuid,
    /// The project of their repository.
    pub project_id: ProjectId,
    /// The repository.
    pub repository_id: RepositoryId,
    /// owner/name.
    pub repository: String,
    /// The issue or pull request on whose page they stand.
    pub subject_number: i64,
    /// What they are.
    pub kind: Coded<WordsKind>,
    /// Their numeric id on GitHub.
    pub github_id: i64,
    /// Numeric id of whoever wrote them.
    pub author_github_id: Option<i64>,
    /// Login of whoever wrote them.
    pub author_login: String,
    /// Their page.
    pub url: String,
    /// Hash of the text as GitHub had it.
    pub sha256: String,
    /// The text as it was shown.
    pub text: String,
    /// The run from whose prompt they were left out.
    pub run_id: RunId,
    /// Login of whoever let them in.
    pub let_in_by: String,
    /// When.
    pub let_in_at: DateTime<Utc>,
}

impl From<LetInRow> for LetIn {
    fn from(row: LetInRow) -> Self {
        let words = Words {
            number: row.subject_number,
            kind: row.kind.0,
            github_id: row.github_id,
            author_id: row.author_github_id,
            sha256: row.sha256,
        };
        Self { words, by: row.let_in_by, at: row.let_in_at }
    }
}

#[derive(Debug, Default)]
struct Filter<'a> {
    id: Option<Uuid>,
    project: Option<ProjectId>,
    pages: Option<(RepositoryId, &'a [i64])>,
    after: Option<Cursor>,
    limit: i64,
}

async fn view(db: impl PgExecutor<'_>, filter: &Filter<'_>) -> Result<Vec<LetInRow>> {
    sqlx::query_file_as!(
        LetInRow,
        "src/let_ins/view.sql",
        filter.id,
        filter.project.map(|id| id.0),
        filter.pages.map(|(repository, _)| repository.0),
        filter.pages.map(|(_, numbers)| numbers),
        filter.after.map(|cursor| cursor.at),
        filter.after.map(|cursor| cursor.id),
        filter.limit
    )
    .fetch_all(db)
    .await
}

/// What is let in in a project, newest first.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<LetInRow>> {
    view(db, &Filter { project: Some(project), after, limit, ..Filter::default() }).await
}

/// What is let in on the pages of these issues and pull requests.
///
/// # Errors
/// The database's.
pub async fn on_pages(db: impl PgExecutor<'_>, repository: RepositoryId, numbers: &[i64]) -> Result<Vec<LetInRow>> {
    view(db, &Filter { pages: Some((repository, numbers)), limit: MOST, ..Filter::default() }).await
}

/// One of them.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<LetInRow>> {
    Ok(view(db, &Filter { id: Some(id), limit: 1, ..Filter::default() }).await?.into_iter().next())
}

/// Words to let in.
#[derive(Debug, Clone)]
pub struct NewLetIn<'a> {
    /// The row.
    pub id: Uuid,
    /// The repository.
    pub repository: RepositoryId,
    /// Exactly these.
    pub words: &'a Words,
    /// Login of whoever wrote them.
    pub author: &'a str,
    /// Their page.
    pub url: &'a str,
    /// The text as it was shown.
    pub text: &'a str,
    /// The run from whose prompt they were left out.
    pub run: RunId,
    /// Who lets them in.
    pub by: UserId,
    /// For the audit.
    pub flow: flow::Entry,
}

/// Lets words in, in the place of what they said before.
///
/// # Errors
/// A unique violation when exactly these are let in already.
pub async fn add(db: impl PgExecutor<'_>, new: &NewLetIn<'_>) -> Result<()> {
    sqlx::query_file!(
        "src/let_ins/add.sql",
        new.id,
        new.repository.0,
        new.words.number,
        new.words.kind.as_str(),
        new.words.github_id,
        new.words.author_id,
        new.author,
        new.url,
        new.words.sha256,
        new.text,
        new.run.0,
        new.by.0,
        new.flow.id,
        new.flow.kind.as_str(),
        new.flow.actor,
        new.flow.data
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Leaves words out again; answers whether they were let in.
///
/// # Errors
/// The database's.
pub async fn withdraw(db: impl PgExecutor<'_>, id: Uuid, by: UserId, entry: &flow::Entry) -> Result<bool> {
    let done =
        sqlx::query_file!("src/let_ins/withdraw.sql", id, by.0, entry.id, entry.kind.as_str(), entry.actor, entry.data)
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}
