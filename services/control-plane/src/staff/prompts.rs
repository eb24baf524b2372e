//! What agents were told: the X-ray of a run's prompt.

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{
    Prompt, PromptMark, PromptMarkKind, PromptSegment, PromptSegmentContent, TemplateSource, TextAuthor,
};
use contract::problem::Problem;
use domain::ids::RepositoryId;
use domain::let_in::LetIn;
use domain::rights::{self, Permission};
use prompts::run::{Content, Segment};
use prompts::templates::Source;
use prompts::untrusted::{Mark, MarkKind};
use serde_json::Value;
use store::let_ins::{self, LetInRow};
use store::runs::prompt;
use uuid::Uuid;

use super::let_ins as let_ins_view;
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
    let kept = kept(row.segments)?;
    let may_let_in = rights::allows(staff.role_in(&app.pool, run.project_id).await?, Permission::Manage);
    let let_in = let_in_since(&app, run.repository_id, &kept).await?;
    let segments = kept.into_iter().map(|part| with_let_in(part, &let_in)).collect();
    Ok(Json(Prompt { text: row.text, sha256: row.sha256, version: row.version, segments, may_let_in }))
}

/// The parts of a kept prompt; none where they were not recorded.
pub(super) fn kept(segments: Option<Value>) -> anyhow::Result<Vec<Segment>> {
    Ok(segments.map(serde_json::from_value).transpose().context("reading a kept prompt")?.unwrap_or_default())
}

/// What is let in by now of the words that were left out.
async fn let_in_since(app: &App, repository: RepositoryId, kept: &[Segment]) -> store::Result<Vec<LetInRow>> {
    let left_out = kept.iter().filter(|segment| segment.left_out);
    let mut pages: Vec<_> = left_out.filter_map(|segment| Some(segment.words.as_ref()?.words.number)).collect();
    pages.sort_unstable();
    pages.dedup();
    if pages.is_empty() { Ok(Vec::new()) } else { let_ins::on_pages(&app.pool, repository, &pages).await }
}

/// A part with what is let in now in the same place, whatever was let in there: the words may have been edited.
fn with_let_in(part: Segment, let_in: &[LetInRow]) -> PromptSegment {
    let said = part.words.as_ref().filter(|_| part.left_out);
    let row = said.and_then(|said| {
        let is_here = |row: &&LetInRow| LetIn::from((*row).clone()).words.same_place(&said.words);
        let_in.iter().find(is_here).cloned()
    });
    PromptSegment { let_in: row.map(let_ins_view::let_in), ..segment(part) }
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
        words: segment.words.as_ref().map(|said| let_ins_view::seen(&said.words)),
        url: segment.words.map(|said| said.url),
        let_in: None,
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

pub(super) fn mark(mark: Mark) -> PromptMark {
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
