//! What a text would give: the whole prompt, before anything is stored.

use axum::Json;
use axum::extract::State;
use contract::gateway::{Prompt, PromptPreview};
use contract::problem::Problem;
use domain::ids::ProjectId;
use domain::locale::Locale;
use prompts::run::{RunFacts, render};
use prompts::templates::{Key, Override, Source, sample};
use store::runs::report;
use uuid::Uuid;

use super::write::sound;
use super::{known, rows};
use crate::error::{ApiError, no_such};
use crate::prompt::{facts, templates};
use crate::staff::permit::Staff;
use crate::staff::prompts::segment;
use crate::staff::runs::visible;
use crate::state::App;

/// The whole prompt that a text would give, for a run or for a made-up issue
#[utoipa::path(post, path = "/api/v1/staff/prompt-templates/preview", request_body = PromptPreview,
    responses((status = 200, body = Prompt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn preview_prompt(
    State(app): State<App>,
    staff: Staff,
    Json(preview): Json<PromptPreview>,
) -> Result<Json<Prompt>, ApiError> {
    let (key, locale) = (known("/key", &preview.key)?, rows::locale(preview.locale));
    let project = preview.project_id.map(ProjectId);
    staff.writes_for(&app.pool, ("project", project)).await?;
    sound(key, &preview.text)?;
    let tried =
        Override { id: None, key: preview.key.0, locale, source: Source::Draft, version: 0, text: preview.text };
    match preview.run_id {
        None => rendered(&app, project, locale, &sample(key, locale), tried).await,
        Some(run) => of_run(&app, &staff, run, key, tried).await,
    }
}

async fn of_run(app: &App, staff: &Staff, run: Uuid, key: Key, tried: Override) -> Result<Json<Prompt>, ApiError> {
    let run = visible(app, staff, run).await?;
    let row = report::context(&app.pool, run.id).await?.ok_or_else(|| no_such("run"))?;
    let facts = facts(&row);
    // A discussion has the platform's own task, and no stage's.
    let used = if row.is_discussion {
        Vec::new()
    } else {
        vec![format!("task-{}-{}", facts.role, facts.work), format!("stage-{}", facts.stage)]
    };
    if !used.contains(&key.to_string()) {
        let title = "That run does not use this template";
        let texts = if used.is_empty() { "the platform's own".to_owned() } else { used.join(" and ") };
        let message = format!("it uses {texts}; choose another run");
        let problem = Problem::unprocessable("template_not_used", title);
        return Err(problem.with_coded_field("/run_id", "template_not_used", message).into());
    }
    rendered(app, Some(row.project_id), tried.locale, &facts, tried).await
}

async fn rendered(
    app: &App,
    project: Option<ProjectId>,
    locale: Locale,
    facts: &RunFacts<'_>,
    tried: Override,
) -> Result<Json<Prompt>, ApiError> {
    let templates = templates(app, project, locale, facts, Some(tried)).await?;
    let made = render(templates, facts).map_err(anyhow::Error::from)?;
    let segments = made.segments.into_iter().map(segment).collect();
    let (text, sha256, version) = (Some(made.text), Some(made.sha256), Some(made.version));
    Ok(Json(Prompt { text, sha256, version, segments, may_let_in: false }))
}
