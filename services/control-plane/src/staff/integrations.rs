//! Systems of others that may ask a project's people.

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{self, Integration, IntegrationAdded, IntegrationList, NewIntegration};
use contract::problem::Problem;
use domain::flow::FlowKind;
use domain::ids::ProjectId;
use domain::integrations::OutsideKind;
use domain::rights::Permission;
use http::StatusCode;
use serde_json::json;
use store::flow::Entry;
use store::integrations::{self, IntegrationRow};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault::IntegrationToken;

use super::permit::Staff;
use crate::error::{ApiError, no_such, taken};
use crate::state::App;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_integrations, add_integration)).routes(routes!(withdraw_integration))
}

/// Systems of others that may ask the project's people
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}/integrations", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = IntegrationList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_integrations(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
) -> Result<Json<IntegrationList>, ApiError> {
    staff.may(&app.pool, Permission::Look, ProjectId(project)).await?;
    let rows = integrations::list(&app.pool, ProjectId(project)).await?;
    Ok(Json(IntegrationList { items: rows.into_iter().map(shown).collect() }))
}

/// Let a system of others ask the project's people
#[utoipa::path(post, path = "/api/v1/staff/projects/{project_id}/integrations", request_body = NewIntegration,
    params(("project_id" = Uuid, Path)), responses((status = 201, body = IntegrationAdded),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn add_integration(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
    Json(new): Json<NewIntegration>,
) -> Result<(StatusCode, Json<IntegrationAdded>), ApiError> {
    staff.may(&app.pool, Permission::Manage, ProjectId(project)).await?;
    let asks: Vec<_> = OutsideKind::ALL.iter().copied().filter(|kind| new.asks.contains(&shown_kind(*kind))).collect();
    let token = IntegrationToken::generate();
    let row = integrations::NewIntegration {
        id: Uuid::now_v7(),
        project: ProjectId(project),
        name: &new.name,
        asks: &asks,
        token_hash: &token.hash(),
        by: staff.id,
    };
    let facts = json!({
        "integration": row.id, "project": project, "name": row.name,
        "asks": asks.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
    });
    let entry = Entry::new(FlowKind::IntegrationAdded, staff.actor(), facts);
    integrations::add(&app.pool, &row, &entry).await.map_err(name_taken)?;
    let row = integrations::get(&app.pool, row.id).await?.ok_or_else(|| no_such("integration"))?;
    let added = IntegrationAdded { integration: shown(row), token: token.expose().to_owned().into() };
    Ok((StatusCode::CREATED, Json(added)))
}

/// Withdraw the token of an integration
#[utoipa::path(delete, path = "/api/v1/staff/integrations/{integration_id}", params(("integration_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn withdraw_integration(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let row = integrations::get(&app.pool, id).await?.ok_or_else(|| no_such("integration"))?;
    staff.may_with(&app.pool, Permission::Manage, ("integration", row.project_id)).await?;
    let facts = json!({ "integration": id, "project": row.project_id, "name": row.name });
    let entry = Entry::new(FlowKind::IntegrationWithdrawn, staff.actor(), facts);
    if !integrations::withdraw(&app.pool, id, &entry).await? {
        return Err(no_such("integration"));
    }
    // What it asks is over, and it is told.
    app.waker.work();
    Ok(StatusCode::NO_CONTENT)
}

fn name_taken(error: store::Error) -> ApiError {
    taken("integration_exists", "/name", "The project has an integration of this name; choose another")(error)
}

fn shown(row: IntegrationRow) -> Integration {
    Integration {
        id: row.id,
        name: row.name,
        asks: row.asks.into_iter().map(|kind| shown_kind(kind.0)).collect(),
        created_by: row.created_by,
        created_at: row.created_at,
        used_at: row.used_at,
        open: row.open,
    }
}

/// What kind of thing is asked, as the contract says it.
pub(super) const fn shown_kind(kind: OutsideKind) -> gateway::OutsideKind {
    match kind {
        OutsideKind::Approval => gateway::OutsideKind::Approval,
        OutsideKind::Execution => gateway::OutsideKind::Execution,
    }
}
