//! Runs as people see them, and their wish that one stops.

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, RepositoryId, RunId};
use domain::labels::IN_REVIEW;
use domain::run::RunStatus;
use domain::stages::Stage;
use serde_json::{Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::outbound::LabelChange;
use crate::{Coded, Cursor, Result, Viewer, flow};
use domain::rights::ProjectRole;

/// A run with everything that a list or its page shows.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of agent_runs under their own names; the contract's Run describes them")]
pub struct RunView {
    pub id: RunId,
    pub project_id: ProjectId,
    pub project_slug: String,
    pub repository_id: RepositoryId,
    pub repository_full_name: String,
    pub subject_number: i64,
    pub subject_title: String,
    pub subject_url: String,
    pub kind: String,
    pub resumes: Option<Uuid>,
    pub reviews: Option<Uuid>,
    pub stage: Coded<Stage>,
    pub role: String,
    pub locale: String,
    pub status: Coded<RunStatus>,
    pub reason: Option<String>,
    pub reason_detail: Option<String>,
    pub waits_for: Option<String>,
    pub waits_since: Option<DateTime<Utc>>,
    pub waits_until: Option<DateTime<Utc>>,
    pub waits_place: Option<i64>,
    pub waits_detail: Option<String>,
    pub started_by_login: String,
    pub branch: String,
    pub model: String,
    pub effort: Option<String>,
    pub pr_number: Option<i64>,
    pub pr_url: Option<String>,
    pub namespace: String,
    pub namespace_uid: Option<Uuid>,
    pub namespace_expires_at: Option<DateTime<Utc>>,
    pub namespace_deleted_at: Option<DateTime<Utc>>,
    pub last_words: Option<String>,
    pub last_word: Option<Value>,
    pub cancel_requested: bool,
    pub launch: i32,
    pub attempts: i32,
    pub queued_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub handed_in_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub deadline_at: Option<DateTime<Utc>>,
    pub changed_at: DateTime<Utc>,
    pub version: i64,
    pub member_role: Option<Coded<ProjectRole>>,
    pub calls: i64,
    pub input_tokens: i64,
    pub cached_input_tokens: i64,
    pub output_tokens: i64,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// One run.
    pub run: Option<RunId>,
    /// One project.
    pub project: Option<ProjectId>,
    /// One repository.
    pub repository: Option<RepositoryId>,
    /// One state.
    pub status: Option<RunStatus>,
    /// Only runs that are not over, or only those that are.
    pub active: Option<bool>,
    /// Only runs that wait for somebody or something.
    pub waiting: bool,
    /// Part of the issue's title, or its number.
    pub text: Option<&'a str>,
    /// Only runs that changed after this.
    pub changed_after: Option<DateTime<Utc>>,
}

/// Runs that the viewer may see, newest first.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: Viewer,
    filter: &Filter<'_>,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<RunView>> {
    sqlx::query_file_as!(
        RunView,
        "src/runs/view.sql",
        viewer.user.0,
        viewer.sees_all,
        filter.run.map(|id| id.0),
        filter.project.map(|id| id.0),
        filter.repository.map(|id| id.0),
        filter.status.map(RunStatus::as_str),
        filter.active,
        filter.text,
        filter.changed_after,
        after.map(|c| c.at),
        after.map(|c| c.id),
        limit,
        filter.waiting
    )
    .fetch_all(db)
    .await
}

/// One run that the viewer may see.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, viewer: Viewer, run: RunId) -> Result<Option<RunView>> {
    let filter = Filter { run: Some(run), ..Filter::default() };
    Ok(list(db, viewer, &filter, None, 1).await?.into_iter().next())
}

/// Asks for a run to stop. A run that no worker holds ends at once. Answers whether it was not over yet; asking twice
/// is asking once.
///
/// # Errors
/// The database's.
pub async fn request_cancel(db: impl PgExecutor<'_>, run: RunId, by: &str, entry: &flow::Entry) -> Result<bool> {
    let asked = sqlx::query_file_scalar!(
        "src/runs/request_cancel.sql",
        run.0,
        by,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data,
        entry.canonical,
        json!(LabelChange::of(&[IN_REVIEW], &[]))
    )
    .fetch_one(db)
    .await?;
    Ok(asked)
}

/// The active runs of a repository's issues, each with its issue.
///
/// # Errors
/// The database's.
pub async fn active_in(db: impl PgExecutor<'_>, repository: RepositoryId) -> Result<Vec<(RunId, i64)>> {
    let rows = sqlx::query!(
        "SELECT id, subject_number FROM agent_runs WHERE repository_id = $1 AND kind IN ('stage', 'discussion')
           AND cancel_requested_at IS NULL AND run_is_active(status)",
        repository.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (RunId(row.id), row.subject_number)).collect())
}

/// The pull requests of a repository in which work waits for its owner, each with the branch of that work.
///
/// # Errors
/// The database's.
pub async fn waiting_pulls(db: impl PgExecutor<'_>, repository: RepositoryId) -> Result<Vec<(i64, String)>> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (pr_number) pr_number AS "number!", branch FROM agent_runs
           WHERE repository_id = $1 AND kind = 'stage' AND status = 'waiting_owner_review' AND pr_number IS NOT NULL"#,
        repository.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.number, row.branch)).collect())
}

/// The active run of an issue's stage.
///
/// # Errors
/// The database's.
pub async fn active_on(db: impl PgExecutor<'_>, repository: RepositoryId, subject: i64) -> Result<Option<RunId>> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM agent_runs WHERE repository_id = $1 AND subject_number = $2 AND kind = 'stage'
           AND run_is_active(status)",
        repository.0,
        subject
    )
    .fetch_optional(db)
    .await?;
    Ok(id.map(RunId))
}
