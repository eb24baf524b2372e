//! `egress_grants`: hosts that a project's agents may reach through the gateway.

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, RunId, UserId};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::{Result, flow, in_transaction};

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
    /// Only for runs of this role.
    pub role: Option<String>,
    /// Only for this run.
    pub run_id: Option<Uuid>,
    /// Until then; `None`: until it is withdrawn.
    pub expires_at: Option<DateTime<Utc>>,
    /// Nobody reaches the host.
    pub refuses: bool,
    /// Login of whoever granted it.
    pub created_by: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Tunnels that have ended.
    pub tunnels: i64,
    /// Bytes to the host.
    pub bytes_sent: i64,
    /// Bytes from the host.
    pub bytes_received: i64,
    /// When the last tunnel ended.
    pub used_at: Option<DateTime<Utc>>,
}

/// What a project's grants cover at this moment, by host.
///
/// # Errors
/// The database's.
pub async fn list(db: impl PgExecutor<'_>, project: ProjectId) -> Result<Vec<GrantRow>> {
    rows(db, project, None).await
}

async fn rows(db: impl PgExecutor<'_>, project: ProjectId, only: Option<Uuid>) -> Result<Vec<GrantRow>> {
    sqlx::query_as!(
        GrantRow,
        r#"SELECT g.id, g.project_id, g.host, g.note, g.role, g.run_id, g.expires_at, g.refuses,
                  COALESCE(u.login, '') AS "created_by!", g.created_at, g.tunnels, g.bytes_sent, g.bytes_received, g.used_at
           FROM egress_grants AS g
           JOIN users AS u ON u.id = g.created_by
           LEFT JOIN agent_runs AS a ON a.id = g.run_id
           WHERE g.project_id = $1 AND ($2::uuid IS NULL OR g.id = $2) AND g.withdrawn_at IS NULL
             AND (g.expires_at IS NULL OR g.expires_at > app_now()) AND a.finished_at IS NULL
           ORDER BY g.host, g.role NULLS FIRST, g.created_at"#,
        project.0,
        only
    )
    .fetch_all(db)
    .await
}

/// Grants a host to all runs of a project.
///
/// # Errors
/// A unique violation when the project's list has it already.
pub async fn add(db: &PgPool, project: ProjectId, host: &str, note: &str, by: UserId) -> Result<GrantRow> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO egress_grants (id, project_id, host, note, created_by) VALUES ($1, $2, $3, $4, $5)",
        id,
        project.0,
        host,
        note,
        by.0
    )
    .execute(db)
    .await?;
    rows(db, project, Some(id)).await?.pop().ok_or(sqlx::Error::RowNotFound)
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

/// What went through a tunnel that has ended.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// Whose it was.
    pub run: RunId,
    /// Where it led.
    pub host: String,
    /// Bytes to the host.
    pub sent: i64,
    /// Bytes from the host.
    pub received: i64,
}

/// Records the end of a tunnel, and counts its traffic on the grant that it went by: the narrowest one, withdrawn or not.
/// The same event again counts nothing.
///
/// # Errors
/// The database's.
pub async fn count(db: &PgPool, traffic: Traffic, ended: flow::Entry) -> Result<()> {
    in_transaction(db, move |db| {
        Box::pin(async move {
            if flow::append(&mut *db, traffic.run, &ended).await? {
                add_up(db, &traffic).await?;
            }
            Ok(())
        })
    })
    .await
}

async fn add_up(db: &mut PgConnection, traffic: &Traffic) -> Result<()> {
    sqlx::query!(
        "UPDATE egress_grants
         SET tunnels = tunnels + 1, bytes_sent = bytes_sent + $3, bytes_received = bytes_received + $4, used_at = app_now()
         WHERE id = (SELECT g.id FROM egress_grants AS g JOIN agent_runs AS a ON a.project_id = g.project_id
                     WHERE a.id = $1 AND g.host = $2 AND NOT g.refuses
                       AND (g.role IS NULL OR g.role = a.role) AND (g.run_id IS NULL OR g.run_id = a.id)
                     ORDER BY g.withdrawn_at IS NOT NULL, g.run_id NULLS LAST, g.role NULLS LAST, g.created_at DESC
                     LIMIT 1)",
        traffic.run.0,
        traffic.host,
        traffic.sent,
        traffic.received
    )
    .execute(db)
    .await?;
    Ok(())
}
