//! `approvals`: what agents ask of people. Every statement that changes one moves the counters on its run's row, which is
//! what parks the run and lets it go on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::approvals::{Answer, ApprovalState, Question};
use domain::ids::{ProjectId, RunId, UserId};
use domain::rights::ProjectRole;
use domain::stages::Stage;
use serde_json::{Value, json};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Coded, Cursor, Result, Viewer, flow};

/// A request of an agent.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The same request again has the same id.
    pub id: Uuid,
    /// Who asks.
    pub run: RunId,
    /// Its launch.
    pub launch: i32,
    /// `question`.
    pub kind: &'a str,
    /// The tool that was called.
    pub tool: &'a str,
    /// What people are shown.
    pub asked: &'a Value,
    /// How long people have.
    pub patience: Duration,
    /// How many requests of a run may be open at once.
    pub most: i32,
    /// For the audit.
    pub flow: flow::Entry,
}

/// Asks people; asking the same again changes nothing, and neither does asking for a run that is over or has too many
/// open requests: [`outcome`] tells.
///
/// # Errors
/// The database's.
pub async fn ask(db: impl PgExecutor<'_>, request: &Request<'_>) -> Result<()> {
    let asked = sqlx::query_file!(
        "src/approvals/ask.sql",
        request.run.0,
        request.launch,
        request.id,
        request.kind,
        request.tool,
        request.asked,
        request.patience.as_secs_f64(),
        request.most,
        request.flow.id,
        request.flow.kind.as_str(),
        request.flow.actor,
        request.flow.data,
        request.flow.canonical
    );
    match asked.execute(db).await {
        // The same call came twice at once.
        Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => Ok(()),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Answers an open request. `None`: it is not open any more.
///
/// # Errors
/// The database's.
pub async fn answer(
    db: impl PgExecutor<'_>,
    id: Uuid,
    answer: &Answer,
    by: UserId,
    entry: &flow::Entry,
) -> Result<Option<RunId>> {
    settle(db, Some((id, answer, by)), entry).await
}

/// Closes one request that nobody answered in time; answers whose it was, `None` when none is due.
///
/// # Errors
/// The database's.
pub async fn expire(db: impl PgExecutor<'_>, entry: &flow::Entry) -> Result<Option<RunId>> {
    settle(db, None, entry).await
}

async fn settle(
    db: impl PgExecutor<'_>,
    answered: Option<(Uuid, &Answer, UserId)>,
    entry: &flow::Entry,
) -> Result<Option<RunId>> {
    let run = sqlx::query_file_scalar!(
        "src/approvals/settle.sql",
        answered.map(|(id, ..)| id),
        answered.map(|(_, answer, _)| json!(answer)),
        answered.map(|(.., by)| by.0),
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data,
        entry.canonical
    );
    Ok(run.fetch_optional(db).await?.map(RunId))
}

/// A request whose outcome the agent does not know yet.
#[derive(Debug, Clone)]
pub struct UntoldRow {
    /// The request.
    pub id: Uuid,
    /// What was asked.
    pub asked: Json<Question>,
    /// Answered or expired.
    pub state: Coded<ApprovalState>,
    /// With an answer.
    pub answer: Option<Json<Answer>>,
    /// Login of whoever answered.
    pub decided_by: Option<String>,
}

/// What the session of a run does not know yet, in the order in which it was asked.
///
/// # Errors
/// The database's.
pub async fn untold(db: impl PgExecutor<'_>, run: RunId) -> Result<Vec<UntoldRow>> {
    sqlx::query_file_as!(UntoldRow, "src/approvals/untold.sql", run.0).fetch_all(db).await
}

/// A launch tells its agent what became of these requests.
///
/// # Errors
/// The database's.
pub async fn tell(db: impl PgExecutor<'_>, run: RunId, launch: i32, requests: &[Uuid]) -> Result<()> {
    sqlx::query_file!("src/approvals/tell.sql", run.0, launch, requests).execute(db).await?;
    Ok(())
}

/// What has become of a request so far.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Where it stands.
    pub state: Coded<ApprovalState>,
    /// With an answer.
    pub answer: Option<Json<Answer>>,
    /// Login of whoever answered.
    pub decided_by: Option<String>,
    /// Until when people have.
    pub expires_at: DateTime<Utc>,
}

/// What has become of a request; `None` when it was never made.
///
/// # Errors
/// The database's.
pub async fn outcome(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Outcome>> {
    sqlx::query_as!(
        Outcome,
        r#"SELECT p.state AS "state: Coded<ApprovalState>", p.answer AS "answer: Json<Answer>", u.login AS "decided_by?",
                  p.expires_at
           FROM approvals AS p LEFT JOIN users AS u ON u.id = p.decided_by WHERE p.id = $1"#,
        id
    )
    .fetch_optional(db)
    .await
}

/// A request as people see it.
#[derive(Debug, Clone)]
pub struct ApprovalRow {
    /// The request.
    pub id: Uuid,
    /// `question`.
    pub kind: String,
    /// The tool that was called.
    pub tool: String,
    /// What was asked.
    pub asked: Json<Question>,
    /// What became of it.
    pub state: Coded<ApprovalState>,
    /// With an answer.
    pub answer: Option<Json<Answer>>,
    /// Login of whoever answered.
    pub decided_by: Option<String>,
    /// When it was answered, or closed.
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

/// How many requests are open that a person may answer: in projects that they manage, and of runs that they started.
///
/// # Errors
/// The database's.
pub async fn open_for(db: impl PgExecutor<'_>, viewer: Viewer) -> Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "open!" FROM approvals AS p
           JOIN agent_runs AS a ON a.id = p.run_id
           LEFT JOIN project_members AS m ON m.project_id = a.project_id AND m.user_id = $1
           WHERE p.state = 'requested'
             AND ($2 OR m.role = 'admin' OR (m.role = 'read_write' AND a.started_by = $1))"#,
        viewer.user.0,
        viewer.sees_all
    )
    .fetch_one(db)
    .await
}
