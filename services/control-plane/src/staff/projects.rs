//! Projects and their settings.

use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{FieldProblem, NewProject, Project, ProjectChange, ProjectPage, ToolModes};
use contract::problem::Problem;
use domain::approvals::labels::{Unmovable, may_be_allowed};
use domain::approvals::policy;
use domain::ids::ProjectId;
use domain::rights::Permission;
use http::{HeaderMap, StatusCode};
use store::{Cursor, projects, settings};
use uuid::Uuid;

use super::modes;
use super::permit::Staff;
use super::views::{self, Paging};
use crate::error::{ApiError, no_such, taken};
use crate::state::App;

/// Projects I can see
#[utoipa::path(get, path = "/api/v1/staff/projects", params(Paging), responses((status = 200, body = ProjectPage),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_projects(
    State(app): State<App>,
    staff: Staff,
    Query(paging): Query<Paging>,
) -> Result<Json<ProjectPage>, ApiError> {
    let sees_all = staff.role.manages_everything();
    let rows = projects::list(&app.pool, staff.id, sees_all, paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.created_at, id: row.id.into() });
    Ok(Json(ProjectPage { items: rows.into_iter().map(|row| views::project(row, &staff)).collect(), next_cursor }))
}

/// Create a project (platform owner or admin)
#[utoipa::path(post, path = "/api/v1/staff/projects", request_body = NewProject,
    responses((status = 201, body = Project),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create_project(
    State(app): State<App>,
    staff: Staff,
    Json(new): Json<NewProject>,
) -> Result<(StatusCode, Json<Project>), ApiError> {
    staff.manages_platform()?;
    let id = ProjectId::new();
    let locale = new.locale.map_or_else(|| "en".to_owned(), |locale| locale.to_string());
    let row = projects::NewProject { slug: &new.slug, name: &new.name, locale: &locale, creator: staff.id };
    projects::create(&app.pool, id, &row).await.map_err(taken(
        "slug_taken",
        "/slug",
        "Another project has this short name",
    ))?;
    Ok((StatusCode::CREATED, Json(shown(&app, &staff, id).await?)))
}

/// One project
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = Project),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_project(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<Project>, ApiError> {
    staff.may(&app.pool, Permission::Look, ProjectId(id)).await?;
    Ok(Json(shown(&app, &staff, ProjectId(id)).await?))
}

/// Change a project's settings
#[utoipa::path(patch, path = "/api/v1/staff/projects/{project_id}", request_body = ProjectChange,
    params(("project_id" = Uuid, Path), ("If-Match" = String, Header)), responses((status = 200, body = Project),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn update_project(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(to): Json<ProjectChange>,
) -> Result<Json<Project>, ApiError> {
    staff.may(&app.pool, Permission::Manage, ProjectId(id)).await?;
    if let Some(model) = &to.model {
        known_model(&app, model).await?;
    }
    free_labels(to.agent_labels.as_deref().unwrap_or_default())?;
    let tool_modes = to.tool_modes.as_ref().map(asked).transpose()?;
    let locale = to.locale.map(|locale| locale.to_string());
    let change = projects::ProjectChange {
        name: to.name.as_deref(),
        locale: locale.as_deref(),
        model: to.model.as_deref(),
        pre_review: to.pre_review,
        stage_order: to.stage_order,
        agent_labels: to.agent_labels.as_deref(),
        tool_modes: tool_modes.as_ref(),
    };
    if !projects::update(&app.pool, ProjectId(id), views::version(&headers), &change).await? {
        return Err(views::version_changed("project"));
    }
    Ok(Json(shown(&app, &staff, ProjectId(id)).await?))
}

/// Delete a project without repositories (platform owner)
#[utoipa::path(delete, path = "/api/v1/staff/projects/{project_id}", params(("project_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete_project(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    staff.may(&app.pool, Permission::Look, ProjectId(id)).await?;
    staff.owns_platform()?;
    if projects::remove(&app.pool, ProjectId(id)).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::conflict("project_in_use", "The project still has repositories; disconnect them first").into())
}

async fn shown(app: &App, staff: &Staff, id: ProjectId) -> Result<Project, ApiError> {
    let row = projects::get(&app.pool, id, staff.id).await?.ok_or_else(|| no_such("project"))?;
    Ok(views::project(row, staff))
}

/// Who is asked for tools, unless something of it cannot be; then everything at once.
fn asked(written: &ToolModes) -> Result<policy::ToolModes, ApiError> {
    modes::read(written).map_err(|faults| {
        let title = "Some of these tools cannot be asked for like that";
        let mut problem = Problem::unprocessable("tool_modes_refused", title);
        problem.fields.extend(faults.into_iter().map(|fault| modes::fault("", fault)));
        problem.into()
    })
}

/// Every label that agents cannot be let move is named at once.
fn free_labels(labels: &[String]) -> Result<(), ApiError> {
    let mut problem = Problem::unprocessable("label_not_free", "Agents cannot be let move some of these labels");
    for (at, label) in labels.iter().enumerate() {
        let Err(why) = may_be_allowed(label) else { continue };
        let code = match why {
            Unmovable::StartsWork(_) => "label_starts_work",
            Unmovable::AlwaysAsked(_) => "label_always_asked",
            Unmovable::SaysWhoApproves(_) => "label_says_who_approves",
            Unmovable::NotALabel(_) | Unmovable::Both(_) | Unmovable::Count => "not_a_label",
        };
        problem.fields.push(FieldProblem {
            field: format!("/agent_labels/{at}"),
            message: why.to_string(),
            code: Some(code.to_owned()),
            line: None,
            what: Some(label.clone()),
        });
    }
    if problem.fields.is_empty() { Ok(()) } else { Err(problem.into()) }
}

async fn known_model(app: &App, model: &str) -> Result<(), ApiError> {
    let allowed = settings::models(&app.pool).await?.allowed;
    if allowed.iter().any(|known| known == model) {
        return Ok(());
    }
    let message = format!("choose one of {}", allowed.join(", "));
    Err(Problem::unprocessable("unknown_model", "The platform does not offer this model")
        .with_field("/model", message)
        .into())
}
