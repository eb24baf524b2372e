//! `project_databases`: whose a database on the managed server is.

use domain::approvals::databases::DatabaseState;
use domain::ids::ProjectId;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Coded, Result};

/// A database that is not deleted.
#[derive(Debug, Clone)]
pub struct DatabaseRow {
    /// The row.
    pub id: Uuid,
    /// Whose it is.
    pub project_id: ProjectId,
    /// For which environment of the project, by name: one that was taken away and made again is the same place.
    pub environment: String,
    /// Its name on the server.
    pub name: String,
    /// Where it stands.
    pub state: Coded<DatabaseState>,
}

/// Who has a name.
///
/// # Errors
/// The database's.
pub async fn named(db: impl PgExecutor<'_>, name: &str) -> Result<Option<DatabaseRow>> {
    sqlx::query_as!(
        DatabaseRow,
        r#"SELECT d.id, d.project_id, e.name AS environment, d.name, d.state AS "state: Coded<DatabaseState>"
           FROM project_databases AS d JOIN project_environments AS e ON e.id = d.environment_id
           WHERE d.name = $1 AND d.state <> 'deleted'"#,
        name
    )
    .fetch_optional(db)
    .await
}

/// Takes a name for an environment of a project, unless somebody has it: [`named`] tells who.
///
/// # Errors
/// The database's.
pub async fn claim(db: impl PgExecutor<'_>, id: Uuid, project: ProjectId, environment: Uuid, name: &str) -> Result<()> {
    sqlx::query!(
        "INSERT INTO project_databases (id, project_id, environment_id, name) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        id,
        project.0,
        environment,
        name
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A database has come to another state.
///
/// # Errors
/// The database's.
pub async fn reach(db: impl PgExecutor<'_>, id: Uuid, state: DatabaseState) -> Result<()> {
    sqlx::query!(
        "UPDATE project_databases SET state = $2, changed_at = app_now() WHERE id = $1 AND state <> 'deleted'",
        id,
        state.as_str()
    )
    .execute(db)
    .await?;
    Ok(())
}
