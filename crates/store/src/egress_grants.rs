//! `egress_grants`: hosts that a project's agents may reach through the gateway.

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, UserId};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::Result;

/// A grant that has not been withdrawn.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// The row.
    pub id: Uuid,
    /// The project.
    pub project_id: ProjectId,
    /// Host name, lower case.
    pub host: String,
    /// Why.
    pub note: String,
    /// Login of whoever granted it.
    pub created_by: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// Grants of a project, by host.
///
/// # Errors
/// The database's.
pub async fn list(db: impl PgExecutor<'_>, project: ProjectId) -> Result<Vec<GrantRow>> {
    sqlx::query_as!(
        GrantRow,
        r#"SELECT g.id, g.project_id, g.host, g.note, COALESCE(u.login, '') AS "created_by!", g.created_at
           FROM egress_grants AS g JOIN users AS u ON u.id = g.created_by
           WHERE g.project_id = $1 AND g.withdrawn_at IS NULL ORDER BY g.host"#,
        project.0
    )
    .fetch_all(db)
    .await
}

/// Grants a host.
///
/// # Errors
/// A unique violation when it is granted already.
pub async fn add(db: impl PgExecutor<'_>, project: ProjectId, host: &str, note: &str, by: UserId) -> Result<GrantRow> {
    sqlx::query_as!(
        GrantRow,
        r#"WITH made AS (
               INSERT INTO egress_grants (id, project_id, host, note, created_by) VALUES ($1, $2, $3, $4, $5)
               RETURNING *
           )
           SELECT made.id, made.project_id, made.host, made.note, COALESCE(u.login, '') AS "created_by!",
                  made.created_at
           FROM made JOIN users AS u ON u.id = made.created_by"#,
        Uuid::now_v7(),
        project.0,
        host,
        note,
        by.0
    )
    .fetch_one(db)
    .await
}

/// The project of a grant that has not been withdrawn.
///
/// # Errors
/// The database's.
pub async fn project_of(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<ProjectId>> {
    let project =
        sqlx::query_scalar!("SELECT project_id FROM egress_grants WHERE id = $1 AND withdrawn_at IS NULL", id)
            .fetch_optional(db)
            .await?;
    Ok(project.map(ProjectId))
}

/// Withdraws a grant; answers whether it stood.
///
/// # Errors
/// The database's.
pub async fn withdraw(db: impl PgExecutor<'_>, id: Uuid, by: UserId) -> Result<bool> {
    let gone = sqlx::query!(
        "UPDATE egress_grants SET withdrawn_at = app_now(), withdrawn_by = $2 WHERE id = $1 AND withdrawn_at IS NULL",
        id,
        by.0
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected() == 1)
}
