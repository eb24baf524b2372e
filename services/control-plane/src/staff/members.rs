//! Members of a project.

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{self, Member, MemberChange, MemberList};
use contract::problem::Problem;
use domain::ids::{ProjectId, UserId};
use domain::rights::{Permission, ProjectRole};
use http::StatusCode;
use store::members::{self, MemberRow};
use uuid::Uuid;

use super::permit::Staff;
use super::views;
use crate::error::{ApiError, no_such};
use crate::state::App;

/// Members of a project
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}/members", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = MemberList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_members(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
) -> Result<Json<MemberList>, ApiError> {
    staff.may(&app.pool, Permission::Look, ProjectId(project)).await?;
    let rows = members::list(&app.pool, ProjectId(project)).await?;
    Ok(Json(MemberList { items: rows.into_iter().map(member).collect() }))
}

/// Give a user a role in the project
#[utoipa::path(put, path = "/api/v1/staff/projects/{project_id}/members/{user_id}", request_body = MemberChange,
    params(("project_id" = Uuid, Path), ("user_id" = Uuid, Path)), responses((status = 200, body = Member),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_member(
    State(app): State<App>,
    staff: Staff,
    Path((project, user)): Path<(Uuid, Uuid)>,
    Json(change): Json<MemberChange>,
) -> Result<Json<Member>, ApiError> {
    let project = ProjectId(project);
    staff.may(&app.pool, Permission::Manage, project).await?;
    let role = match change.role {
        gateway::ProjectRole::Admin => ProjectRole::Admin,
        gateway::ProjectRole::ReadWrite => ProjectRole::ReadWrite,
        gateway::ProjectRole::Read => ProjectRole::Read,
    };
    if !members::set(&app.pool, project, UserId(user), role).await? {
        return Err(no_such("user"));
    }
    let rows = members::list(&app.pool, project).await?;
    let row = rows.into_iter().find(|row| row.user.id == UserId(user)).ok_or_else(|| no_such("user"))?;
    Ok(Json(member(row)))
}

/// Take a user's role in the project away
#[utoipa::path(delete, path = "/api/v1/staff/projects/{project_id}/members/{user_id}",
    params(("project_id" = Uuid, Path), ("user_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove_member(
    State(app): State<App>,
    staff: Staff,
    Path((project, user)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiError> {
    staff.may(&app.pool, Permission::Manage, ProjectId(project)).await?;
    let removed = members::remove(&app.pool, ProjectId(project), UserId(user)).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(no_such("member")) }
}

fn member(row: MemberRow) -> Member {
    Member { role: views::project_role(row.role), user: views::user(row.user) }
}
