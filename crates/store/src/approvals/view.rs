//! Requests as people see them.

use chrono::{DateTime, Utc};
use domain::approvals::policy::Ruling;
use domain::approvals::{Answer, ApprovalMode, ApprovalState, Asked};
use domain::ids::{ProjectId, RunId, UserId};
use domain::rights::ProjectRole;
use domain::stages::Stage;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::channel_requests::AskedThrough;
use crate::{Coded, Cursor, Result, Viewer};

/// A request as people see it.
#[derive(Debug, Clone)]
pub struct ApprovalRow {
    /// The request.
    pub id: Uuid,
    /// The tool that was called.
    pub tool: String,
    /// What was asked.
    pub asked: Json<Asked>,
    /// What became of it.
    pub state: Coded<ApprovalState>,
    /// The answer, or the words with which it was denied.
    pub answer: Option<Json<Answer>>,
    /// Login of whoever decided.
    pub decided_by: Option<String>,
    /// Name of the channel that the decision came by.
    pub decided_through: Option<String>,
    /// Why it is not done.
    pub outcome: Option<String>,
    /// Of an action: who may approve it.
    pub mode: Option<Coded<ApprovalMode>>,
    /// Who said so when it was asked; `None`: before there were policies.
    pub ruling: Option<Json<Ruling>>,
    /// Of an action: the digest of what will be done.
    pub digest: Option<String>,
    /// When what was approved was done, or given up.
    pub settled_at: Option<DateTime<Utc>>,
    /// When it was decided, or closed.
    pub decided_at: Option<DateTime<Utc>>,
    /// When it was asked.
    pub requested_at: DateTime<Utc>,
    /// Until when people have.
    pub expires_at: DateTime<Utc>,
    /// Who asks.
    pub run_id: RunId,
    /// Its project.
    pub project_id: ProjectId,
    /// The project's name.
    pub project_name: String,
    /// owner/name.
    pub repository_full_name: String,
    /// Number of the issue.
    pub subject_number: i64,
    /// Its title.
    pub subject_title: String,
    /// Its page.
    pub subject_url: String,
    /// The run's stage.
    pub stage: Coded<Stage>,
    /// The run's role.
    pub role: String,
    /// Login of whoever started the run.
    pub started_by_login: String,
    /// Who that is.
    pub started_by: UserId,
    /// The viewer's role in the project.
    pub member_role: Option<Coded<ProjectRole>>,
    /// Where else people are asked.
    pub channels: Json<Vec<AskedThrough>>,
}

/// Which requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// This one.
    pub id: Option<Uuid>,
    /// Open ones, or decided ones.
    pub open: Option<bool>,
    /// Of a project.
    pub project: Option<ProjectId>,
    /// Of a run.
    pub run: Option<RunId>,
}

/// Requests that a person may see, newest first.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: Viewer,
    filter: Filter,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<ApprovalRow>> {
    sqlx::query_file_as!(
        ApprovalRow,
        "src/approvals/view.sql",
        viewer.user.0,
        viewer.sees_all,
        filter.id,
        filter.open,
        filter.project.map(|id| id.0),
        filter.run.map(|id| id.0),
        after.map(|cursor| cursor.at),
        after.map(|cursor| cursor.id),
        limit
    )
    .fetch_all(db)
    .await
}

/// One request, if the person may see it.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, viewer: Viewer, id: Uuid) -> Result<Option<ApprovalRow>> {
    let filter = Filter { id: Some(id), ..Filter::default() };
    Ok(list(db, viewer, filter, None, 1).await?.into_iter().next())
}

/// How many requests are open that a person may decide about: in projects that they manage, those of systems of others
/// included, questions of runs that they started, and actions that are delegated to them.
///
/// # Errors
/// The database's.
pub async fn open_for(db: impl PgExecutor<'_>, viewer: Viewer) -> Result<i64> {
    sqlx::query_file_scalar!("src/approvals/open_for.sql", viewer.user.0, viewer.sees_all).fetch_one(db).await
}
