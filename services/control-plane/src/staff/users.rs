//! People who may sign in.

use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{Me, MeMayItem, NewUser, NewUserPlatformRole, User, UserPage};
use contract::problem::Problem;
use domain::ids::UserId;
use domain::rights::PlatformRole;
use http::StatusCode;
use store::{Cursor, users};
use uuid::Uuid;

use super::permit::Staff;
use super::views::{self, Paging};
use crate::error::{ApiError, no_such, taken};
use crate::state::App;

/// Who I am and what I may do
#[utoipa::path(get, path = "/api/v1/staff/me", responses((status = 200, body = Me),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_me(staff: Staff) -> Json<Me> {
    let may = match staff.role {
        PlatformRole::Owner => vec![MeMayItem::ManageUsers, MeMayItem::CreateProjects, MeMayItem::DeleteProjects],
        PlatformRole::Admin => vec![MeMayItem::ManageUsers, MeMayItem::CreateProjects],
        PlatformRole::Member => vec![],
    };
    Json(Me {
        id: staff.id.into(),
        login: staff.login,
        name: staff.name,
        email: staff.email,
        platform_role: views::platform_role(staff.role),
        may,
    })
}

/// People who may sign in
#[utoipa::path(get, path = "/api/v1/staff/users", params(Paging), responses((status = 200, body = UserPage),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_users(
    State(app): State<App>,
    staff: Staff,
    Query(paging): Query<Paging>,
) -> Result<Json<UserPage>, ApiError> {
    staff.manages_platform()?;
    let rows = users::list(&app.pool, paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.created_at, id: row.id.into() });
    Ok(Json(UserPage { items: rows.into_iter().map(views::user).collect(), next_cursor }))
}

/// Let a person sign in (platform owner or admin)
#[utoipa::path(post, path = "/api/v1/staff/users", request_body = NewUser, responses((status = 201, body = User),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create_user(
    State(app): State<App>,
    staff: Staff,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Json<User>), ApiError> {
    staff.manages_platform()?;
    let role = match new.platform_role {
        NewUserPlatformRole::Admin => PlatformRole::Admin,
        NewUserPlatformRole::Member => PlatformRole::Member,
    };
    let user = users::NewUser { id: UserId::new(), email: &new.email, github_id: new.github_id, role };
    let row = users::create(&app.pool, &user).await.map_err(taken(
        "user_exists",
        "/email",
        "This address, or this GitHub account, is listed already",
    ))?;
    Ok((StatusCode::CREATED, Json(views::user(row))))
}

/// Take a person's access away, at once
#[utoipa::path(delete, path = "/api/v1/staff/users/{user_id}", params(("user_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete_user(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    staff.manages_platform()?;
    if UserId(id) == staff.id {
        return Err(Problem::conflict("own_account", "You cannot remove yourself").into());
    }
    let removed = users::remove(&app.pool, UserId(id)).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(no_such("user who could be removed")) }
}
