//! `integrations`: systems of others that may ask a project's people. A token is known by its hash alone.

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, UserId};
use domain::integrations::OutsideKind;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Coded, Result, flow};

/// An integration as people see it.
#[derive(Debug, Clone)]
pub struct IntegrationRow {
    /// The integration.
    pub id: Uuid,
    /// Its project.
    pub project_id: ProjectId,
    /// Its name, one of its kind in the project.
    pub name: String,
    /// What it may ask.
    pub asks: Vec<Coded<OutsideKind>>,
    /// Login of whoever added it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When its token was used last.
    pub used_at: Option<DateTime<Utc>>,
    /// How much of what it asks nobody has decided.
    pub open: i64,
}

/// A project's integrations that were not withdrawn, by name.
///
/// # Errors
/// The database's.
pub async fn list(db: impl PgExecutor<'_>, project: ProjectId) -> Result<Vec<IntegrationRow>> {
    sqlx::query_file_as!(IntegrationRow, "src/integrations/view.sql", project.0, None::<Uuid>).fetch_all(db).await
}

/// One integration that was not withdrawn.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<IntegrationRow>> {
    sqlx::query_file_as!(IntegrationRow, "src/integrations/view.sql", None::<Uuid>, id).fetch_optional(db).await
}

/// An integration to add.
#[derive(Debug, Clone)]
pub struct NewIntegration<'a> {
    /// The row.
    pub id: Uuid,
    /// Its project.
    pub project: ProjectId,
    /// Its name.
    pub name: &'a str,
    /// What it may ask.
    pub asks: &'a [OutsideKind],
    /// What its token is known by.
    pub token_hash: &'a [u8; 32],
    /// Who adds it.
    pub by: UserId,
}

/// Adds an integration.
///
/// # Errors
/// A unique violation when the project has one of this name.
pub async fn add(db: impl PgExecutor<'_>, new: &NewIntegration<'_>, entry: &flow::Entry) -> Result<()> {
    let asks: Vec<_> = new.asks.iter().map(|kind| kind.as_str().to_owned()).collect();
    sqlx::query_file!(
        "src/integrations/add.sql",
        new.id,
        new.project.0,
        new.name,
        &asks,
        new.token_hash.as_slice(),
        new.by.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Withdraws the token of an integration; answers whether it was there.
///
/// # Errors
/// The database's.
pub async fn withdraw(db: impl PgExecutor<'_>, id: Uuid, entry: &flow::Entry) -> Result<bool> {
    let withdrawn =
        sqlx::query_file!("src/integrations/withdraw.sql", id, entry.id, entry.kind.as_str(), entry.actor, entry.data);
    Ok(withdrawn.execute(db).await?.rows_affected() == 1)
}

/// Who asks with a token.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The integration.
    pub id: Uuid,
    /// Its project.
    pub project_id: ProjectId,
    /// Its name.
    pub name: String,
    /// What it may ask.
    pub asks: Vec<Coded<OutsideKind>>,
}

/// Whose token this is, and that it is used; `None` when it is nobody's or was withdrawn.
///
/// # Errors
/// The database's.
pub async fn recognise(db: impl PgExecutor<'_>, token_hash: &[u8; 32]) -> Result<Option<Asker>> {
    sqlx::query_as!(
        Asker,
        r#"UPDATE integrations AS i SET used_at = app_now()
           FROM projects AS t
           WHERE t.id = i.project_id AND t.removed_at IS NULL AND i.token_hash = $1 AND i.withdrawn_at IS NULL
           RETURNING i.id, i.project_id, i.name, i.asks AS "asks: Vec<Coded<OutsideKind>>""#,
        token_hash.as_slice()
    )
    .fetch_optional(db)
    .await
}
