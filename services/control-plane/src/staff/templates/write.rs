//! Writing templates: drafts, and what is in use. Each act leaves an audit event in the statement that makes it.

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{FieldProblem, NewTemplate, Template, TemplateReason, TemplateText};
use contract::problem::Problem;
use domain::flow::FlowKind;
use domain::ids::{ProjectId, TemplateId};
use domain::templates::{TemplateAct, TemplateState, after};
use http::{HeaderMap, StatusCode};
use prompts::templates::{Key, check};
use serde_json::json;
use store::flow;
use store::prompt_templates::{self, Decision, Place, Read, TemplateRow};
use uuid::Uuid;
use vault::Redactor;

use super::{known, rows, stored};
use crate::error::{ApiError, taken};
use crate::staff::permit::{Staff, not_permitted};
use crate::staff::views;
use crate::state::App;

/// Begin the next version of a template as a draft (platform owner or admin; admin of the project)
#[utoipa::path(post, path = "/api/v1/staff/prompt-templates", request_body = NewTemplate,
    responses((status = 201, body = Template),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create_prompt_template(
    State(app): State<App>,
    staff: Staff,
    Json(new): Json<NewTemplate>,
) -> Result<(StatusCode, Json<Template>), ApiError> {
    let project = new.project_id.map(ProjectId);
    permit(&app, &staff, ("project", project)).await?;
    let (key, locale) = (known("/key", &new.key)?, rows::locale(new.locale));
    sound(key, &new.text)?;
    let (id, place) = (TemplateId::new(), Place { project, key: &new.key.0, locale });
    let facts = json!({ "template": id, "key": new.key.0, "locale": locale, "project": project });
    let entry = flow::Entry::new(FlowKind::TemplateDrafted, staff.actor(), known_facts(facts));
    let made = prompt_templates::create(&app.pool, id, place, &new.text, staff.id, &entry).await;
    made.map_err(taken("draft_exists", "/key", "Somebody is writing the next version already; go on from that draft"))?;
    Ok((StatusCode::CREATED, Json(rows::template(stored(&app, id.into()).await?))))
}

/// Give a draft another text
#[utoipa::path(put, path = "/api/v1/staff/prompt-templates/{template_id}", request_body = TemplateText,
    params(("template_id" = Uuid, Path), ("If-Match" = String, Header)), responses((status = 200, body = Template),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn edit_prompt_template(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(to): Json<TemplateText>,
) -> Result<Json<Template>, ApiError> {
    let (row, _) = allowed(&app, &staff, id, TemplateAct::Edit).await?;
    sound(key_of(&row)?, &to.text)?;
    let read = Read { id: row.id, revision: views::version(&headers) };
    let entry = entry(&staff, FlowKind::TemplateDrafted, &row, "");
    if !prompt_templates::edit(&app.pool, read, &to.text, staff.id, &entry).await? {
        return Err(views::version_changed("template"));
    }
    Ok(Json(rows::template(stored(&app, id).await?)))
}

/// Put a draft to use; the version in use before is archived
#[utoipa::path(post, path = "/api/v1/staff/prompt-templates/{template_id}/activate", request_body = TemplateReason,
    params(("template_id" = Uuid, Path), ("If-Match" = String, Header)), responses((status = 200, body = Template),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn activate_prompt_template(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(why): Json<TemplateReason>,
) -> Result<Json<Template>, ApiError> {
    decide(&app, &staff, (id, views::version(&headers)), TemplateAct::Activate, &why.reason).await
}

/// Put an earlier version to use again
#[utoipa::path(post, path = "/api/v1/staff/prompt-templates/{template_id}/roll-back", request_body = TemplateReason,
    params(("template_id" = Uuid, Path), ("If-Match" = String, Header)), responses((status = 200, body = Template),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn roll_back_prompt_template(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(why): Json<TemplateReason>,
) -> Result<Json<Template>, ApiError> {
    decide(&app, &staff, (id, views::version(&headers)), TemplateAct::RollBack, &why.reason).await
}

/// Take a version out of use, or throw a draft away; what stands there without it counts again
#[utoipa::path(post, path = "/api/v1/staff/prompt-templates/{template_id}/archive", request_body = TemplateReason,
    params(("template_id" = Uuid, Path), ("If-Match" = String, Header)), responses((status = 200, body = Template),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn archive_prompt_template(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(why): Json<TemplateReason>,
) -> Result<Json<Template>, ApiError> {
    decide(&app, &staff, (id, views::version(&headers)), TemplateAct::Archive, &why.reason).await
}

async fn decide(
    app: &App,
    staff: &Staff,
    (id, revision): (Uuid, i64),
    act: TemplateAct,
    reason: &str,
) -> Result<Json<Template>, ApiError> {
    let (row, state) = allowed(app, staff, id, act).await?;
    let kind = match act {
        TemplateAct::RollBack => FlowKind::TemplateRolledBack,
        TemplateAct::Archive => FlowKind::TemplateArchived,
        TemplateAct::Activate | TemplateAct::Edit => FlowKind::TemplateActivated,
    };
    if state == TemplateState::Active {
        // What was sound when it was written may use a variable that there is no more.
        sound(key_of(&row)?, &row.text)?;
    }
    let decision = Decision { state, reason, by: staff.id, flow: entry(staff, kind, &row, reason) };
    let decided = prompt_templates::decide(&app.pool, Read { id: row.id, revision }, &decision).await;
    match decided {
        Ok(true) => Ok(Json(rows::template(stored(app, id).await?))),
        Ok(false) => Err(views::version_changed("template")),
        Err(error) if error.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
            Err(views::version_changed("template"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn permit(app: &App, staff: &Staff, of: (&str, Option<ProjectId>)) -> Result<(), ApiError> {
    if staff.writes_for(&app.pool, of).await? { Ok(()) } else { Err(not_permitted()) }
}

/// The version, if the person may do this with it, and where it stands afterwards.
async fn allowed(
    app: &App,
    staff: &Staff,
    id: Uuid,
    act: TemplateAct,
) -> Result<(TemplateRow, TemplateState), ApiError> {
    let row = stored(app, id).await?;
    permit(app, staff, ("template", row.project_id.map(ProjectId))).await?;
    let state = after(row.state.0, act).ok_or_else(|| {
        let title =
            format!("Version {} is {} by now, which does not allow this; load it again", row.version, row.state.0);
        Problem::conflict("template_state", title)
    })?;
    Ok((row, state))
}

fn key_of(row: &TemplateRow) -> Result<Key, ApiError> {
    row.key.parse().map_err(|error: prompts::templates::NoSuchKey| anyhow::Error::from(error).into())
}

/// Refuses a text that could not be told to an agent, with everything that is wrong with it.
pub(super) fn sound(key: Key, text: &str) -> Result<(), ApiError> {
    let faults = check(key, text);
    let mut fields: Vec<_> =
        faults.iter().map(|fault| field(fault.code.as_str(), fault.line, Some(&fault.what), fault)).collect();
    if let Some(line) = secret(text) {
        let message = "it holds what looks like a token or a key; remove it: agents are told no secrets";
        fields.push(field("template_secret", line, None, &message));
    }
    if fields.is_empty() {
        return Ok(());
    }
    let problem = Problem::unprocessable("template_refused", "The template cannot be used as it is");
    Err(Problem { fields, ..problem }.into())
}

fn field(code: &str, line: Option<usize>, what: Option<&str>, message: &impl ToString) -> FieldProblem {
    FieldProblem {
        field: "/text".to_owned(),
        code: Some(code.to_owned()),
        message: message.to_string(),
        line: line.and_then(|line| i32::try_from(line).ok()),
        what: what.filter(|what| !what.is_empty()).map(str::to_owned),
    }
}

/// The line of a secret, where it stands in one; `None`: there is no secret.
#[expect(clippy::option_option, reason = "a private key has several lines and is still a secret")]
fn secret(text: &str) -> Option<Option<usize>> {
    let redactor = Redactor::new([]);
    let holds = |text: &str| redactor.redact(text) != text;
    holds(text).then(|| text.lines().position(holds).map(|line| line + 1))
}

fn entry(staff: &Staff, kind: FlowKind, row: &TemplateRow, reason: &str) -> flow::Entry {
    let facts = json!({
        "template": row.id, "key": row.key, "locale": row.locale.0, "project": row.project_id,
        "version": row.version, "reason": reason,
    });
    flow::Entry::new(kind, staff.actor(), known_facts(facts))
}

/// The audit holds strings and numbers only: what there is not is left out.
fn known_facts(mut facts: serde_json::Value) -> serde_json::Value {
    if let Some(map) = facts.as_object_mut() {
        map.retain(|_, value| !value.is_null() && value != "");
    }
    facts
}
