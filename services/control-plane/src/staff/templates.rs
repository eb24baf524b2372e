//! Templates that people write in the place of the platform's own: what there is. Everybody may look at what counts for
//! every project, and at what counts in a project of theirs.
#![expect(
    unused_qualifications,
    reason = "utoipa's macro repeats the types of a handler's arguments by their whole path"
)]

pub(super) mod preview;
mod rows;
pub(super) mod write;

use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{
    self, Template, TemplateBelow, TemplateKey, TemplatePlaceDetail, TemplatePlaceList, TemplateSource,
};
use contract::problem::Problem;
use domain::ids::{ProjectId, TemplateId};
use domain::locale::Locale;
use prompts::templates::{Key, variables};
use serde::Deserialize;
use store::prompt_templates::{self, Place, TemplateRow};
use utoipa::IntoParams;
use uuid::Uuid;

use super::permit::Staff;
use crate::error::{ApiError, no_such};
use crate::prompt::scope;
use crate::state::App;

/// Versions that a place shows.
const VERSIONS: i64 = 200;

/// For whom.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ForProject {
    project_id: Option<Uuid>,
}

/// Every place of a template with what is in use there, for every project or for one
#[utoipa::path(get, path = "/api/v1/staff/prompt-templates", params(ForProject),
    responses((status = 200, body = TemplatePlaceList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_prompt_templates(
    State(app): State<App>,
    staff: Staff,
    Query(of): Query<ForProject>,
) -> Result<Json<TemplatePlaceList>, ApiError> {
    let project = of.project_id.map(ProjectId);
    let may_edit = staff.writes_for(&app.pool, ("project", project)).await?;
    let all = prompt_templates::current(&app.pool, project).await?;
    let places = Key::all().flat_map(|key| Locale::ALL.iter().map(move |&locale| (key, locale)));
    let items = places.map(|(key, locale)| rows::place(key, locale, of.project_id, &all)).collect();
    Ok(Json(TemplatePlaceList { items, may_edit }))
}

/// Which place.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PlaceQuery {
    project_id: Option<Uuid>,
    key: TemplateKey,
    locale: gateway::Locale,
}

/// One place of a template with its versions and with what stands there without them
#[utoipa::path(get, path = "/api/v1/staff/prompt-templates/place", params(PlaceQuery),
    responses((status = 200, body = TemplatePlaceDetail),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_template_place(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<PlaceQuery>,
) -> Result<Json<TemplatePlaceDetail>, ApiError> {
    let (key, locale) = (known("query.key", &query.key)?, rows::locale(query.locale));
    let project = query.project_id.map(ProjectId);
    let may_edit = staff.writes_for(&app.pool, ("project", project)).await?;
    let name = key.to_string();
    let versions = prompt_templates::versions(&app.pool, Place { project, key: &name, locale }, VERSIONS).await?;
    let in_use = prompt_templates::in_use(&app.pool, project, &[name], &[locale]).await?;
    let all: Vec<TemplateRow> = versions.iter().chain(&in_use).cloned().collect();
    Ok(Json(TemplatePlaceDetail {
        place: rows::place(key, locale, query.project_id, &all),
        project_id: query.project_id,
        below: below(key, locale, query.project_id, in_use),
        versions: versions.into_iter().map(rows::version).collect(),
        variables: variables(),
        may_edit,
    }))
}

/// What counts when nothing of the place itself is in use: for a project, what was written for every one.
fn below(key: Key, locale: Locale, project: Option<Uuid>, in_use: Vec<TemplateRow>) -> TemplateBelow {
    let global = in_use.into_iter().find(|row| project.is_some() && row.project_id.is_none());
    match global {
        Some(row) => TemplateBelow {
            source: super::prompts::source(scope(row.project_id)),
            version: row.version.to_string(),
            text: row.text,
        },
        None => TemplateBelow {
            source: TemplateSource::Seed,
            version: key.seed_version(locale),
            text: key.seed(locale).to_owned(),
        },
    }
}

/// One version with its text
#[utoipa::path(get, path = "/api/v1/staff/prompt-templates/{template_id}", params(("template_id" = Uuid, Path)),
    responses((status = 200, body = Template),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_prompt_template(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<Template>, ApiError> {
    let row = stored(&app, id).await?;
    staff.writes_for(&app.pool, ("template", row.project_id.map(ProjectId))).await?;
    Ok(Json(rows::template(row)))
}

async fn stored(app: &App, id: Uuid) -> Result<TemplateRow, ApiError> {
    prompt_templates::get(&app.pool, TemplateId(id)).await?.ok_or_else(|| no_such("template"))
}

fn known(field: &str, key: &TemplateKey) -> Result<Key, ApiError> {
    key.0.parse().map_err(|unknown: prompts::templates::NoSuchKey| {
        Problem::unprocessable("unknown_template", "There is no such template")
            .with_coded_field(field, "unknown_template", unknown.to_string())
            .into()
    })
}
