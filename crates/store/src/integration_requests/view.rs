//! Requests of systems of others as people see them: whoever manages the project, and nobody else.

use chrono::{DateTime, Utc};
use domain::approvals::Answer;
use domain::ids::ProjectId;
use domain::integrations::asking::Asked;
use domain::integrations::{OutsideKind, OutsideState, TellState};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::approvals::view::Filter;
use crate::{Coded, Cursor, Result, Viewer};

/// A request as people see it.
#[derive(Debug, Clone)]
pub struct RequestRow {
    /// The request.
    pub id: Uuid,
    /// What kind of thing is asked.
    pub kind: Coded<OutsideKind>,
    /// What became of it.
    pub state: Coded<OutsideState>,
    /// Name of the integration.
    pub integration: String,
    /// The other side's own id.
    pub correlation_id: String,
    /// The project.
    pub project_id: ProjectId,
    /// Its name.
    pub project_name: String,
    /// What is asked.
    pub asked: Json<Asked>,
    /// The answer, or the words with which it was denied.
    pub answer: Option<Json<Answer>>,
    /// Login of whoever decided.
    pub decided_by: Option<String>,
    /// When it was decided, or closed.
    pub decided_at: Option<DateTime<Utc>>,
    /// When it was asked.
    pub requested_at: DateTime<Utc>,
    /// Until when people have.
    pub expires_at: DateTime<Utc>,
    /// Whether the other side knows.
    pub telling: Option<Coded<TellState>>,
    /// Tries to tell it that failed.
    pub attempts: i32,
    /// Why the last one failed.
    pub trouble: Option<String>,
}

/// Requests that a person may decide about, or might have, newest first; no run has any.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: Viewer,
    filter: Filter,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<RequestRow>> {
    sqlx::query_file_as!(
        RequestRow,
        "src/integration_requests/view.sql",
        viewer.user.0,
        viewer.sees_all,
        filter.id,
        filter.open,
        filter.project.map(|id| id.0),
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
pub async fn get(db: impl PgExecutor<'_>, viewer: Viewer, id: Uuid) -> Result<Option<RequestRow>> {
    let filter = Filter { id: Some(id), ..Filter::default() };
    Ok(list(db, viewer, filter, None, 1).await?.into_iter().next())
}
