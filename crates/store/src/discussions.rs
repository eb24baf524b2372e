//! `discussions` and `discussion_comments`: talks on issues, a run a turn. What is said is a row before anybody is told;
//! a turn takes all comments that wait, and what comes meanwhile waits for the next one.

use chrono::{DateTime, Utc};
use domain::catalogue::Catalogue;
use domain::event::{Comment, Issue};
use domain::flow::FlowKind;
use domain::ids::{DeliveryId, RepositoryId, RunId, UserId};
use domain::intake::TalkEnd;
use domain::labels;
use domain::locale::Locale;
use domain::names;
use domain::run::RunStatus;
use serde_json::json;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::{Coded, Result, flow};

/// How a discussion's runs are told apart where runs are named after their stage.
pub const NAMED: &str = "discussion";
/// Comments that a conversation's page shows.
const MOST_SHOWN: i64 = 500;

/// A comment to take in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard<'a> {
    /// Where.
    pub repository: RepositoryId,
    /// The issue.
    pub issue: &'a Issue,
    /// What was said.
    pub comment: &'a Comment,
    /// The event.
    pub delivery: DeliveryId,
    /// Who said it.
    pub said_by: UserId,
    /// Their numeric id on GitHub.
    pub author: i64,
    /// Their login there.
    pub login: &'a str,
}

/// Takes a comment in; the discussion begins with it where none is going on, or where the last one has fallen silent.
///
/// # Errors
/// The database's.
pub(crate) async fn hear(db: &mut PgConnection, heard: &Heard<'_>) -> Result<()> {
    let Heard { repository, issue, comment, .. } = *heard;
    end_idle_at(&mut *db, Some((repository, issue.number))).await?;
    sqlx::query_file!(
        "src/discussions/hear.sql",
        Uuid::now_v7(),
        repository.0,
        issue.number,
        issue.title,
        issue.body,
        issue.url,
        comment.id,
        heard.delivery.0,
        heard.said_by.0,
        heard.author,
        heard.login,
        comment.body,
        comment.url,
        Uuid::now_v7()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the discussion of an issue and stops its turn. First the discussion, whose row a turn that starts in this moment
/// holds; then the turn, which the second statement sees.
///
/// # Errors
/// The database's.
pub(crate) async fn end(
    db: &mut PgConnection,
    repository: RepositoryId,
    issue: i64,
    end: TalkEnd,
    by: &str,
) -> Result<()> {
    sqlx::query!(
        "UPDATE discussions SET ended_at = app_now(), ended_by = $3
         WHERE repository_id = $1 AND subject_number = $2 AND ended_at IS NULL",
        repository.0,
        issue,
        end.as_str()
    )
    .execute(&mut *db)
    .await?;
    let because = json!({ "because": end.as_str() });
    let entry = flow::Entry::new(FlowKind::CancelRequested, format!("user:{by}"), because);
    let words: serde_json::Map<_, _> =
        Locale::ALL.iter().map(|&locale| (locale.to_string(), json!(end.words(locale)))).collect();
    sqlx::query_file!(
        "src/discussions/stop.sql",
        repository.0,
        issue,
        by,
        entry.data,
        entry.canonical,
        serde_json::Value::Object(words)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends discussions in which nobody has said anything for too long.
///
/// # Errors
/// The database's.
pub async fn end_idle(db: impl PgExecutor<'_>) -> Result<()> {
    end_idle_at(db, None).await
}

async fn end_idle_at(db: impl PgExecutor<'_>, place: Option<(RepositoryId, i64)>) -> Result<()> {
    let hours = i32::try_from(Catalogue::builtin().discussion.idle_hours).unwrap_or(i32::MAX);
    let (repository, issue) = (place.map(|(repository, _)| repository.0), place.map(|(_, issue)| issue));
    sqlx::query_file!("src/discussions/end_idle.sql", hours, repository, issue).execute(db).await?;
    Ok(())
}

/// Starts the turn for which somebody waits longest; `None`: nobody waits, or another worker was first.
///
/// # Errors
/// The database's.
pub async fn start_next(db: &PgPool, actor: &str) -> Result<Option<RunId>> {
    let Some(due) = sqlx::query_file!("src/discussions/due.sql").fetch_optional(db).await? else { return Ok(None) };
    let (spec, run) = (&Catalogue::builtin().discussion, RunId::new());
    let data = json!({ "issue": due.subject_number, "run": run, "discussion": due.id, "resumes": due.earlier });
    let entry = flow::Entry::new(FlowKind::RunCreated, actor, data);
    let started = sqlx::query_file_scalar!(
        "src/discussions/start.sql",
        due.id,
        run.0,
        spec.stage.as_str(),
        spec.role.as_str(),
        names::branch(due.subject_number, run),
        names::namespace(&due.project_slug, NAMED, due.subject_number, run),
        i32::try_from(spec.namespace_ttl_minutes * 60).unwrap_or(i32::MAX),
        entry.id,
        entry.actor,
        entry.data,
        entry.canonical,
        labels::DISCUSSION,
        due.earlier
    )
    .fetch_optional(db)
    .await?;
    Ok(started.map(RunId))
}

/// A comment that a turn answers.
#[derive(Debug, Clone)]
pub struct CommentRow {
    /// GitHub's numeric id.
    pub comment_id: i64,
    /// Numeric id of who said it.
    pub author_github_id: i64,
    /// Their login.
    pub author_login: String,
    /// What was said.
    pub body: String,
    /// Its place on the issue's page.
    pub url: String,
}

/// What a turn is to answer, in the order in which it was said.
///
/// # Errors
/// The database's.
pub async fn to_answer(db: impl PgExecutor<'_>, turn: RunId) -> Result<Vec<CommentRow>> {
    sqlx::query_as!(
        CommentRow,
        "SELECT comment_id, author_github_id, author_login, body, url FROM discussion_comments
         WHERE turn = $1 ORDER BY comment_id",
        turn.0
    )
    .fetch_all(db)
    .await
}

/// A comment of a conversation, with the turn that answers it.
#[derive(Debug, Clone)]
pub struct SaidRow {
    /// The turn; `None`: the next one.
    pub run_id: Option<Uuid>,
    /// Where it stands.
    pub status: Option<Coded<RunStatus>>,
    /// What the agent answered.
    pub answer: Option<String>,
    /// GitHub's numeric id.
    pub comment_id: i64,
    /// Who said it.
    pub author_login: String,
    /// Its place on the issue's page.
    pub url: String,
    /// What was said.
    pub body: String,
    /// When the platform heard it.
    pub heard_at: DateTime<Utc>,
}

/// The conversation that a run is a turn of, the oldest first.
///
/// # Errors
/// The database's.
pub async fn conversation(db: impl PgExecutor<'_>, run: RunId) -> Result<Vec<SaidRow>> {
    sqlx::query_file_as!(SaidRow, "src/discussions/conversation.sql", run.0, MOST_SHOWN).fetch_all(db).await
}
