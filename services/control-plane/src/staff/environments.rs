//! Environments of a project: which there are, and what agents may prepare there. Each change leaves an audit event in the
//! statement that makes it.

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{
    self, NewProjectEnvironment, ProjectEnvironment, ProjectEnvironmentChange, ProjectEnvironmentList,
};
use contract::problem::Problem;
use domain::flow::FlowKind;
use domain::ids::ProjectId;
use domain::names::environment_namespace;
use domain::project_environments::{EnvironmentKind, is_guarded, is_name};
use domain::rights::Permission;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use store::flow;
use store::project_environments::{self, EnvironmentRow, Said};
use uuid::Uuid;

use super::permit::Staff;
use super::views;
use crate::error::{ApiError, no_such, taken};
use crate::state::App;

/// Environments that agents of the project may prepare for its applications
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}/environments", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = ProjectEnvironmentList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_project_environments(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
) -> Result<Json<ProjectEnvironmentList>, ApiError> {
    staff.may(&app.pool, Permission::Look, ProjectId(project)).await?;
    let rows = project_environments::list(&app.pool, ProjectId(project)).await?;
    Ok(Json(ProjectEnvironmentList { items: rows.into_iter().map(shown).collect() }))
}

/// Give the project an environment (platform owner or admin; admin of the project)
#[utoipa::path(post, path = "/api/v1/staff/projects/{project_id}/environments", request_body = NewProjectEnvironment,
    params(("project_id" = Uuid, Path)), responses((status = 201, body = ProjectEnvironment),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add_project_environment(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
    Json(new): Json<NewProjectEnvironment>,
) -> Result<(StatusCode, Json<ProjectEnvironment>), ApiError> {
    staff.may(&app.pool, Permission::Manage, ProjectId(project)).await?;
    if !is_name(&new.name) {
        let problem = Problem::unprocessable("not_a_name", "An environment cannot be called so");
        return Err(problem.with_coded_field("/name", "not_a_name", "lower-case letters, digits and dashes").into());
    }
    let id = Uuid::now_v7();
    let what = json!({ "environment": id, "project": project, "name": new.name });
    let said = said(&staff, FlowKind::EnvironmentAdded, what, (new.kind, new.allows_secrets, new.allows_databases));
    let added = project_environments::add(&app.pool, id, ProjectId(project), &new.name, &said).await;
    added.map_err(taken("environment_exists", "/name", "The project has an environment of this name"))?;
    Ok((StatusCode::CREATED, Json(shown(existing(&app, id).await?))))
}

/// Say anew of what kind an environment is, and what agents may prepare there
#[utoipa::path(put, path = "/api/v1/staff/environments/{environment_id}", request_body = ProjectEnvironmentChange,
    params(("environment_id" = Uuid, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = ProjectEnvironment),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_project_environment(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(change): Json<ProjectEnvironmentChange>,
) -> Result<Json<ProjectEnvironment>, ApiError> {
    let row = managed(&app, &staff, id).await?;
    let what = json!({ "environment": id, "project": row.project_id, "name": row.name });
    let said =
        said(&staff, FlowKind::EnvironmentChanged, what, (change.kind, change.allows_secrets, change.allows_databases));
    if !project_environments::change(&app.pool, id, views::version(&headers), &said).await? {
        return Err(views::version_changed("environment"));
    }
    Ok(Json(shown(existing(&app, id).await?)))
}

/// Take an environment from the project; what was prepared there stays
#[utoipa::path(delete, path = "/api/v1/staff/environments/{environment_id}", params(("environment_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove_project_environment(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let row = managed(&app, &staff, id).await?;
    let what = json!({ "environment": id, "project": row.project_id, "name": row.name });
    let entry = flow::Entry::new(FlowKind::EnvironmentRemoved, staff.actor(), what);
    let removed = project_environments::remove(&app.pool, id, staff.id, &entry).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(no_such("environment")) }
}

async fn existing(app: &App, id: Uuid) -> Result<EnvironmentRow, ApiError> {
    project_environments::get(&app.pool, id).await?.ok_or_else(|| no_such("environment"))
}

/// An environment of a project that the person manages.
async fn managed(app: &App, staff: &Staff, id: Uuid) -> Result<EnvironmentRow, ApiError> {
    let row = existing(app, id).await?;
    staff.may_with(&app.pool, Permission::Manage, ("environment", row.project_id)).await?;
    Ok(row)
}

fn said(
    staff: &Staff,
    kind: FlowKind,
    mut what: serde_json::Value,
    (environment_kind, allows_secrets, allows_databases): (gateway::EnvironmentKind, bool, bool),
) -> Said {
    let environment_kind = match environment_kind {
        gateway::EnvironmentKind::Development => EnvironmentKind::Development,
        gateway::EnvironmentKind::Staging => EnvironmentKind::Staging,
        gateway::EnvironmentKind::Production => EnvironmentKind::Production,
    };
    what["kind"] = json!(environment_kind);
    what["allows_secrets"] = json!(allows_secrets.to_string());
    what["allows_databases"] = json!(allows_databases.to_string());
    Said {
        kind: environment_kind,
        allows_secrets,
        allows_databases,
        by: staff.id,
        flow: flow::Entry::new(kind, staff.actor(), what),
    }
}

fn shown(row: EnvironmentRow) -> ProjectEnvironment {
    ProjectEnvironment {
        id: row.id,
        project_id: row.project_id.into(),
        namespace: environment_namespace(&row.project_slug, &row.name),
        guarded: is_guarded(&row.name, row.kind.0),
        name: row.name,
        kind: kind(row.kind.0),
        allows_secrets: row.allows_secrets,
        allows_databases: row.allows_databases,
        version: row.version,
        changed_by: row.changed_by,
        changed_at: row.changed_at,
    }
}

/// As the contract has it.
pub(super) const fn kind(kind: EnvironmentKind) -> gateway::EnvironmentKind {
    match kind {
        EnvironmentKind::Development => gateway::EnvironmentKind::Development,
        EnvironmentKind::Staging => gateway::EnvironmentKind::Staging,
        EnvironmentKind::Production => gateway::EnvironmentKind::Production,
    }
}
