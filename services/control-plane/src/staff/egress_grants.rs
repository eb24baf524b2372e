//! Hosts that a project's agents may reach.

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{EgressGrant, EgressGrantList, NewEgressGrant};
use contract::problem::Problem;
use domain::ids::ProjectId;
use domain::rights::Permission;
use http::StatusCode;
use store::egress_grants;
use uuid::Uuid;

use super::permit::Staff;
use super::views;
use crate::error::{ApiError, no_such, taken};
use crate::state::App;

/// Hosts that the project's agents may reach
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}/egress-grants", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = EgressGrantList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_egress_grants(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
) -> Result<Json<EgressGrantList>, ApiError> {
    staff.may(&app.pool, Permission::Look, ProjectId(project)).await?;
    let rows = egress_grants::list(&app.pool, ProjectId(project)).await?;
    Ok(Json(EgressGrantList { items: rows.into_iter().map(views::grant).collect() }))
}

/// Let the project's agents reach a host on port 443
#[utoipa::path(post, path = "/api/v1/staff/projects/{project_id}/egress-grants", request_body = NewEgressGrant,
    params(("project_id" = Uuid, Path)), responses((status = 201, body = EgressGrant),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add_egress_grant(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
    Json(new): Json<NewEgressGrant>,
) -> Result<(StatusCode, Json<EgressGrant>), ApiError> {
    staff.may(&app.pool, Permission::Manage, ProjectId(project)).await?;
    let note = new.note.unwrap_or_default();
    let added = egress_grants::add(&app.pool, ProjectId(project), &new.host, &note, staff.id).await;
    let row = added.map_err(taken(
        "host_granted",
        "/host",
        "This host is in the project's list already; withdraw that entry first",
    ))?;
    Ok((StatusCode::CREATED, Json(views::grant(row))))
}

/// Withdraw a grant; open tunnels to the host end within seconds
#[utoipa::path(delete, path = "/api/v1/staff/egress-grants/{grant_id}", params(("grant_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn withdraw_egress_grant(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let project = egress_grants::project_of(&app.pool, id).await?.ok_or_else(|| no_such("grant"))?;
    staff.may_with(&app.pool, Permission::Manage, ("grant", project)).await?;
    egress_grants::withdraw(&app.pool, id, staff.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
