//! `project_environments`: places that a project's applications run in, for which agents may prepare things.

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, UserId};
use domain::project_environments::EnvironmentKind;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Coded, Result, flow};

/// An environment that the project has.
#[derive(Debug, Clone)]
pub struct EnvironmentRow {
    /// The row.
    pub id: Uuid,
    /// Whose it is.
    pub project_id: ProjectId,
    /// Short name of the project, part of the namespace's name.
    pub project_slug: String,
    /// Its name, here and on GitHub.
    pub name: String,
    /// What it is for.
    pub kind: Coded<EnvironmentKind>,
    /// Agents may ask for leave to sync secrets there.
    pub allows_secrets: bool,
    /// Agents may ask for leave to make databases there.
    pub allows_databases: bool,
    /// Grows with each change.
    pub version: i64,
    /// Login of whoever changed it last.
    pub changed_by: String,
    /// When that was.
    pub changed_at: DateTime<Utc>,
}

/// Which environments.
#[derive(Debug, Clone, Copy, Default)]
struct Filter<'a> {
    id: Option<Uuid>,
    project: Option<ProjectId>,
    name: Option<&'a str>,
}

async fn rows(db: impl PgExecutor<'_>, filter: Filter<'_>) -> Result<Vec<EnvironmentRow>> {
    sqlx::query_as!(
        EnvironmentRow,
        r#"SELECT e.id, e.project_id, p.slug AS project_slug, e.name, e.kind AS "kind: Coded<EnvironmentKind>",
                  e.allows_secrets, e.allows_databases, e.version, COALESCE(u.login, '') AS "changed_by!", e.changed_at
           FROM project_environments AS e
           JOIN projects AS p ON p.id = e.project_id
           JOIN users AS u ON u.id = e.changed_by
           WHERE e.removed_at IS NULL AND p.removed_at IS NULL
             AND ($1::uuid IS NULL OR e.id = $1)
             AND ($2::uuid IS NULL OR e.project_id = $2)
             AND ($3::text IS NULL OR e.name = $3)
           ORDER BY e.name"#,
        filter.id,
        filter.project.map(|id| id.0),
        filter.name
    )
    .fetch_all(db)
    .await
}

/// The environments of a project, by name.
///
/// # Errors
/// The database's.
pub async fn list(db: impl PgExecutor<'_>, project: ProjectId) -> Result<Vec<EnvironmentRow>> {
    rows(db, Filter { project: Some(project), ..Filter::default() }).await
}

/// One environment.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<EnvironmentRow>> {
    Ok(rows(db, Filter { id: Some(id), ..Filter::default() }).await?.pop())
}

/// The environment that a project has under this name.
///
/// # Errors
/// The database's.
pub async fn named(db: impl PgExecutor<'_>, project: ProjectId, name: &str) -> Result<Option<EnvironmentRow>> {
    Ok(rows(db, Filter { project: Some(project), name: Some(name), ..Filter::default() }).await?.pop())
}

/// What somebody says of an environment.
#[derive(Debug, Clone)]
pub struct Said {
    /// What it is for.
    pub kind: EnvironmentKind,
    /// Agents may ask for leave to sync secrets there.
    pub allows_secrets: bool,
    /// Agents may ask for leave to make databases there.
    pub allows_databases: bool,
    /// Who says so.
    pub by: UserId,
    /// For the audit.
    pub flow: flow::Entry,
}

/// Gives a project an environment.
///
/// # Errors
/// A unique violation when it has one of this name.
pub async fn add(db: impl PgExecutor<'_>, id: Uuid, project: ProjectId, name: &str, said: &Said) -> Result<()> {
    let added = sqlx::query_file!(
        "src/project_environments/add.sql",
        id,
        project.0,
        name,
        said.kind.as_str(),
        said.allows_secrets,
        said.allows_databases,
        said.by.0,
        said.flow.id,
        said.flow.kind.as_str(),
        said.flow.actor,
        said.flow.data
    );
    added.execute(db).await?;
    Ok(())
}

/// Changes an environment if the version is still the one that was read; answers whether it was.
///
/// # Errors
/// The database's.
pub async fn change(db: impl PgExecutor<'_>, id: Uuid, version: i64, said: &Said) -> Result<bool> {
    let changed = sqlx::query_file!(
        "src/project_environments/change.sql",
        id,
        version,
        said.kind.as_str(),
        said.allows_secrets,
        said.allows_databases,
        said.by.0,
        said.flow.id,
        said.flow.kind.as_str(),
        said.flow.actor,
        said.flow.data
    );
    Ok(changed.execute(db).await?.rows_affected() == 1)
}

/// Takes an environment from its project; answers whether it had it.
///
/// # Errors
/// The database's.
pub async fn remove(db: impl PgExecutor<'_>, id: Uuid, by: UserId, entry: &flow::Entry) -> Result<bool> {
    let removed = sqlx::query_file!(
        "src/project_environments/remove.sql",
        id,
        by.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    );
    Ok(removed.execute(db).await?.rows_affected() == 1)
}
