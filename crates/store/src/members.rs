//! `project_members`.

use domain::ids::{ProjectId, UserId};
use domain::rights::{PlatformRole, ProjectRole};
use sqlx::PgExecutor;

use crate::users::UserRow;
use crate::{Coded, Result};

/// A member and their role.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// The person.
    pub user: UserRow,
    /// Role in the project.
    pub role: ProjectRole,
}

/// Members of a project, by login.
///
/// # Errors
/// The database's.
pub async fn list(db: impl PgExecutor<'_>, project: ProjectId) -> Result<Vec<MemberRow>> {
    let rows = sqlx::query!(
        r#"SELECT u.id, u.email, u.github_id, u.login, u.name, u.platform_role AS "platform_role: Coded<PlatformRole>",
                  u.created_at, u.last_seen_at, m.role AS "role: Coded<ProjectRole>"
           FROM project_members AS m JOIN users AS u ON u.id = m.user_id
           WHERE m.project_id = $1 AND u.removed_at IS NULL ORDER BY u.login NULLS LAST, u.email"#,
        project.0
    )
    .fetch_all(db)
    .await?;
    let members = rows.into_iter().map(|r| MemberRow {
        role: r.role.0,
        user: UserRow {
            id: r.id.into(),
            email: r.email,
            github_id: r.github_id,
            login: r.login,
            name: r.name,
            platform_role: r.platform_role,
            created_at: r.created_at,
            last_seen_at: r.last_seen_at,
        },
    });
    Ok(members.collect())
}

/// Gives a person a role, replacing the one they had; answers whether the person is listed.
///
/// # Errors
/// The database's.
pub async fn set(db: impl PgExecutor<'_>, project: ProjectId, user: UserId, role: ProjectRole) -> Result<bool> {
    let set = sqlx::query!(
        "INSERT INTO project_members (project_id, user_id, role)
         SELECT $1, id, $3 FROM users WHERE id = $2 AND removed_at IS NULL
         ON CONFLICT (project_id, user_id) DO UPDATE SET role = EXCLUDED.role",
        project.0,
        user.0,
        role.as_str()
    )
    .execute(db)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Takes a person's role away; answers whether they had one.
///
/// # Errors
/// The database's.
pub async fn remove(db: impl PgExecutor<'_>, project: ProjectId, user: UserId) -> Result<bool> {
    let gone = sqlx::query!("DELETE FROM project_members WHERE project_id = $1 AND user_id = $2", project.0, user.0)
        .execute(db)
        .await?;
    Ok(gone.rows_affected() == 1)
}
