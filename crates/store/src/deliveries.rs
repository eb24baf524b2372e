//! `webhook_deliveries`: the ledger as people read it, and what it lacks. Rows are written by [`crate::intake`] alone.

use chrono::{DateTime, Utc};
use domain::ids::{DeliveryId, RepositoryId};
use domain::missed::Known;
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Cursor, Result, Viewer};

/// Which of these delivery ids the ledger does not have.
///
/// # Errors
/// The database's.
pub async fn unknown_guids(db: impl PgExecutor<'_>, guids: &[String]) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"SELECT guid AS "guid!" FROM unnest($1::text[]) AS guid
           WHERE NOT EXISTS (SELECT FROM webhook_deliveries WHERE delivery_guid = guid)"#,
        guids
    )
    .fetch_all(db)
    .await
}

/// Which of these events' keys the ledger does not have.
///
/// # Errors
/// The database's.
pub async fn unknown_keys(db: impl PgExecutor<'_>, keys: &[String]) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"SELECT key AS "key!" FROM unnest($1::text[]) AS key
           WHERE NOT EXISTS (SELECT FROM webhook_deliveries WHERE event_key = key)"#,
        keys
    )
    .fetch_all(db)
    .await
}

/// The label that a delivery was about.
///
/// # Errors
/// The database's.
pub async fn label(db: impl PgExecutor<'_>, id: DeliveryId) -> Result<Option<String>> {
    sqlx::query_scalar!("SELECT label FROM webhook_deliveries WHERE id = $1", id.0).fetch_one(db).await
}

/// A label that lies on an issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lying {
    /// The issue or pull request.
    pub subject: i64,
    /// The label.
    pub label: String,
}

/// What is known of labels that lie on a repository's issues, in their order.
///
/// # Errors
/// The database's.
pub async fn known_labels(db: impl PgExecutor<'_>, repository: RepositoryId, lying: &[Lying]) -> Result<Vec<Known>> {
    let (subjects, labels): (Vec<_>, Vec<_>) = lying.iter().map(|one| (one.subject, one.label.clone())).unzip();
    let known = sqlx::query_file_as!(Known, "src/deliveries/known_labels.sql", repository.0, &subjects, &labels);
    known.fetch_all(db).await
}

/// A delivery as the ledger shows it.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// The row.
    pub id: DeliveryId,
    /// GitHub's id of the delivery.
    pub delivery_guid: String,
    /// The event's name.
    pub event: String,
    /// The payload's action.
    pub action: Option<String>,
    /// owner/name, as the payload says.
    pub repository_full_name: Option<String>,
    /// Number of the issue.
    pub subject_number: Option<i64>,
    /// The label.
    pub label: Option<String>,
    /// Who.
    pub sender_login: Option<String>,
    /// `accepted`, `effected` or `ignored`.
    pub decision: String,
    /// Why.
    pub reason: Option<String>,
    /// The run that it started or touched.
    pub run_id: Option<Uuid>,
    /// How often it came again.
    pub duplicates: i64,
    /// When it first came.
    pub received_at: DateTime<Utc>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// The row of one repository.
    pub repository: Option<RepositoryId>,
    /// One decision.
    pub decision: Option<&'a str>,
    /// One event name.
    pub event: Option<&'a str>,
    /// One issue.
    pub subject_number: Option<i64>,
}

/// Deliveries that the viewer may see, newest first. Those of repositories that nobody has connected are shown to those
/// who see everything.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: Viewer,
    filter: &Filter<'_>,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<DeliveryRow>> {
    sqlx::query_file_as!(
        DeliveryRow,
        "src/deliveries/list.sql",
        viewer.user.0,
        viewer.sees_all,
        filter.repository.map(|id| id.0),
        filter.decision,
        filter.event,
        filter.subject_number,
        after.map(|c| c.at),
        after.map(|c| c.id),
        limit,
        None::<Uuid>
    )
    .fetch_all(db)
    .await
}

/// One delivery that the viewer may see, with its payload.
///
/// # Errors
/// The database's.
pub async fn get(
    db: impl PgExecutor<'_> + Copy,
    viewer: Viewer,
    id: DeliveryId,
) -> Result<Option<(DeliveryRow, Value)>> {
    let row = sqlx::query_file_as!(
        DeliveryRow,
        "src/deliveries/list.sql",
        viewer.user.0,
        viewer.sees_all,
        None::<Uuid>,
        None::<&str>,
        None::<&str>,
        None::<i64>,
        None::<DateTime<Utc>>,
        None::<Uuid>,
        1,
        Some(id.0)
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let payload =
        sqlx::query_scalar!("SELECT payload FROM webhook_deliveries WHERE id = $1", id.0).fetch_one(db).await?;
    Ok(Some((row, payload)))
}
