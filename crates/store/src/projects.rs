//! `projects`.

use chrono::{DateTime, Utc};
use domain::approvals::policy::ToolModes;
use domain::ids::{ProjectId, RepositoryId, UserId};
use domain::rights::ProjectRole;
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::{Coded, Cursor, Result};

/// A project as one person sees it.
#[derive(Debug, Clone)]
pub struct ProjectRow {
    /// The row.
    pub id: ProjectId,
    /// Short name, part of namespace names.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// `en` or `ru`.
    pub locale: String,
    /// Model of its agents; `None`: the platform's default.
    pub model: Option<String>,
    /// Finished work is looked at by a second role before the owner is asked.
    pub pre_review: bool,
    /// A stage asks for accepted work of one of those that lead to it.
    pub stage_order: bool,
    /// Labels that its agents move without asking.
    pub agent_labels: Vec<String>,
    /// Who is asked for tools that ask for leave.
    pub tool_modes: Json<ToolModes>,
    /// Grows with each change of settings.
    pub version: i64,
    /// Connected repositories.
    pub repositories: i64,
    /// Runs that are not over.
    pub active_runs: i64,
    /// The person's own role in it.
    pub member_role: Option<Coded<ProjectRole>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Creates a project; its creator becomes its admin.
///
/// # Errors
/// A unique violation when the slug is taken.
pub async fn create(db: impl PgExecutor<'_>, id: ProjectId, new: &NewProject<'_>) -> Result<()> {
    sqlx::query!(
        "WITH made AS (INSERT INTO projects (id, slug, name, locale) VALUES ($1, $2, $3, $4) RETURNING id)
         INSERT INTO project_members (project_id, user_id, role) SELECT id, $5, 'admin' FROM made",
        id.0,
        new.slug,
        new.name,
        new.locale,
        new.creator.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A project to create.
#[derive(Debug, Clone)]
pub struct NewProject<'a> {
    /// Short name.
    pub slug: &'a str,
    /// Name for people.
    pub name: &'a str,
    /// `en` or `ru`.
    pub locale: &'a str,
    /// Becomes its admin.
    pub creator: UserId,
}

/// One project, with the person's own role in it.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, id: ProjectId, viewer: UserId) -> Result<Option<ProjectRow>> {
    sqlx::query_file_as!(
        ProjectRow,
        "src/projects/view.sql",
        viewer.0,
        Some(id.0),
        true,
        None::<DateTime<Utc>>,
        None::<uuid::Uuid>,
        1
    )
    .fetch_optional(db)
    .await
}

/// The language of a project.
///
/// # Errors
/// The database's.
pub async fn locale(db: impl PgExecutor<'_>, id: ProjectId) -> Result<Option<String>> {
    sqlx::query_scalar!("SELECT locale FROM projects WHERE id = $1 AND removed_at IS NULL", id.0)
        .fetch_optional(db)
        .await
}

/// Whether the project of a repository wants stages in their order.
///
/// # Errors
/// The database's.
pub(crate) async fn stage_order(db: impl PgExecutor<'_>, repository: RepositoryId) -> Result<bool> {
    sqlx::query_scalar!(
        "SELECT p.stage_order FROM repositories AS r JOIN projects AS p ON p.id = r.project_id WHERE r.id = $1",
        repository.0
    )
    .fetch_one(db)
    .await
}

/// Projects that a person can see, newest first: all of them, or those of which they are a member.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    sees_all: bool,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<ProjectRow>> {
    let (at, id) = (after.map(|c| c.at), after.map(|c| c.id));
    sqlx::query_file_as!(ProjectRow, "src/projects/view.sql", viewer.0, None::<uuid::Uuid>, sees_all, at, id, limit)
        .fetch_all(db)
        .await
}

/// Settings to change; `None` leaves one as it is.
#[derive(Debug, Clone, Default)]
pub struct ProjectChange<'a> {
    /// Name for people.
    pub name: Option<&'a str>,
    /// `en` or `ru`.
    pub locale: Option<&'a str>,
    /// Model of its agents.
    pub model: Option<&'a str>,
    /// Whether finished work is looked at before the owner is asked.
    pub pre_review: Option<bool>,
    /// Whether a stage asks for accepted work of one of those that lead to it.
    pub stage_order: Option<bool>,
    /// Labels that its agents move without asking.
    pub agent_labels: Option<&'a [String]>,
    /// Who is asked for tools that ask for leave; all of them at once.
    pub tool_modes: Option<&'a ToolModes>,
}

/// Changes settings if the version is still the one that was read; answers whether it was.
///
/// # Errors
/// The database's.
pub async fn update(db: impl PgExecutor<'_>, id: ProjectId, version: i64, to: &ProjectChange<'_>) -> Result<bool> {
    let changed = sqlx::query!(
        "UPDATE projects SET name = COALESCE($3, name), locale = COALESCE($4, locale), model = COALESCE($5, model),
                pre_review = COALESCE($6, pre_review), stage_order = COALESCE($7, stage_order),
                agent_labels = COALESCE($8, agent_labels), tool_modes = COALESCE($9, tool_modes),
                version = version + 1
         WHERE id = $1 AND version = $2 AND removed_at IS NULL",
        id.0,
        version,
        to.name,
        to.locale,
        to.model,
        to.pre_review,
        to.stage_order,
        to.agent_labels,
        to.tool_modes.map(Json) as _
    )
    .execute(db)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Removes a project that has no connected repository; answers whether it did.
///
/// # Errors
/// The database's.
pub async fn remove(db: impl PgExecutor<'_>, id: ProjectId) -> Result<bool> {
    let removed = sqlx::query!(
        "UPDATE projects SET removed_at = app_now() WHERE id = $1 AND removed_at IS NULL
           AND NOT EXISTS (SELECT FROM repositories WHERE project_id = $1 AND state <> 'disconnected')",
        id.0
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected() == 1)
}

/// A person's own role in a project that exists; outer `None`: there is no such project.
///
/// # Errors
/// The database's.
pub async fn role_in(db: impl PgExecutor<'_>, id: ProjectId, user: UserId) -> Result<Option<Option<ProjectRole>>> {
    let row = sqlx::query!(
        r#"SELECT m.role AS "role?: Coded<ProjectRole>" FROM projects AS p
           LEFT JOIN project_members AS m ON m.project_id = p.id AND m.user_id = $2
           WHERE p.id = $1 AND p.removed_at IS NULL"#,
        id.0,
        user.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| row.role.map(|role| role.0)))
}
