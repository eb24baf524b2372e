//! What agents were told: the X-ray of a run's prompt.

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{
    Prompt, PromptMark, PromptMarkKind, PromptSegment, PromptSegmentContent, TemplateSource, TextAuthor,
};
use contract::problem::Problem;
use prompts::run::{Content, Segment};
use prompts::templates::Source;
use prompts::untrusted::{Mark, MarkKind};
use store::runs::prompt;
use uuid::Uuid;

use super::permit::Staff;
use super::runs::visible;
use crate::error::{ApiError, no_such};
use crate::state::App;

/// What the run's agent was told, part by part, with what was kept from it
#[utoipa::path(get, path = "/api/v1/staff/runs/{run_id}/prompt", params(("run_id" = Uuid, Path)),
    responses((status = 200, body = Prompt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_run_prompt(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<Prompt>, ApiError> {
    let run = visible(&app, &staff, id).await?;
    let row = prompt::get(&app.pool, run.id).await?.ok_or_else(|| no_such("run"))?;
    let kept: Vec<Segment> =
        row.segments.map(serde_json::from_value).transpose().context("reading a kept prompt")?.unwrap_or_default();
    let segments = kept.into_iter().map(segment).collect();
    Ok(Json(Prompt { text: row.text, sha256: row.sha256, version: row.version, segments }))
}

pub(super) fn segment(segment: Segment) -> PromptSegment {
    PromptSegment {
        name: segment.name,
        text: segment.text,
        sha256: segment.sha256,
        version: segment.version,
        source: source(segment.source),
        template_id: segment.template.map(Into::into),
        content: match segment.content {
            Content::Platform => PromptSegmentContent::Platform,
            Content::Issue => PromptSegmentContent::Issue,
            Content::PullRequest => PromptSegmentContent::PullRequest,
            Content::Remark => PromptSegmentContent::Remark,
        },
        author: segment.author.map(|author| TextAuthor { login: author.login, permission: author.permission }),
        let_in_by: segment.let_in_by,
        left_out: segment.left_out,
        only_afresh: Some(segment.only_afresh),
        marks: segment.marks.into_iter().map(mark).collect(),
    }
}

pub(super) const fn source(source: Source) -> TemplateSource {
    match source {
        Source::Seed => TemplateSource::Seed,
        Source::Global => TemplateSource::Global,
        Source::Project => TemplateSource::Project,
        Source::Draft => TemplateSource::Draft,
    }
}

fn mark(mark: Mark) -> PromptMark {
    let place = |units: usize| i64::try_from(units).unwrap_or(i64::MAX);
    PromptMark {
        kind: match mark.kind {
            MarkKind::Character => PromptMarkKind::Character,
            MarkKind::Comment => PromptMarkKind::Comment,
            MarkKind::Element => PromptMarkKind::Element,
            MarkKind::Reference => PromptMarkKind::Reference,
            MarkKind::Imitation => PromptMarkKind::Imitation,
        },
        start: place(mark.start),
        end: place(mark.end),
    }
}
