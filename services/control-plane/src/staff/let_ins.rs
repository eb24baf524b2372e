//! Words that were left out of a prompt, let in for the next ones by whoever may say what a project's agents read.

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{self, LetIn, LetInPage, WordsSeen};
use contract::problem::Problem;
use domain::flow::FlowKind;
use domain::ids::ProjectId;
use domain::let_in::{Words, WordsKind};
use domain::rights::Permission;
use http::StatusCode;
use prompts::run::{SaidAt, Segment};
use prompts::untrusted;
use serde_json::json;
use store::let_ins::{self, LetInRow, NewLetIn};
use store::runs::prompt;
use store::runs::view::RunView;
use store::{Cursor, flow};
use uuid::Uuid;

use super::permit::Staff;
use super::prompts::mark;
use super::runs::visible;
use super::views::Paging;
use crate::error::{ApiError, no_such, taken};
use crate::state::App;

/// Let in words that were left out of the run's prompt
#[utoipa::path(post, path = "/api/v1/staff/runs/{run_id}/prompt/let-in", request_body = WordsSeen,
    params(("run_id" = Uuid, Path)), responses((status = 201, body = LetIn),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn let_in_words(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    Json(seen): Json<WordsSeen>,
) -> Result<(StatusCode, Json<LetIn>), ApiError> {
    let run = visible(&app, &staff, id).await?;
    staff.may(&app.pool, Permission::Manage, run.project_id).await?;
    let (segment, said) = left_out(&app, &run, &seen).await?;
    let author = segment.author.map(|author| author.login).unwrap_or_default();
    let (id, words) = (Uuid::now_v7(), &said.words);
    let facts = json!({
        "let_in": id, "run": run.id, "repository": run.repository_full_name, "number": words.number, "kind": words.kind,
        "github_id": words.github_id, "author": author, "sha256": words.sha256,
    });
    let new = NewLetIn {
        id,
        repository: run.repository_id,
        words,
        author: &author,
        url: &said.url,
        text: untrusted::inside(&segment.text).unwrap_or(&segment.text),
        run: run.id,
        by: staff.id,
        flow: flow::Entry::new(FlowKind::WordsLetIn, staff.actor(), facts),
    };
    let title = "Exactly these words are let in already; the next prompt carries them";
    let_ins::add(&app.pool, &new).await.map_err(taken("let_in_already", "/sha256", title))?;
    let row = let_ins::get(&app.pool, id).await?.context("what was let in is gone")?;
    Ok((StatusCode::CREATED, Json(let_in(row))))
}

/// The part of the run's prompt that carries these words and was left out.
async fn left_out(app: &App, run: &RunView, seen: &WordsSeen) -> Result<(Segment, SaidAt), ApiError> {
    let row = prompt::get(&app.pool, run.id).await?.ok_or_else(|| no_such("run"))?;
    let is_meant = |words: &Words| {
        kind(words.kind) == seen.kind && words.github_id == seen.github_id && words.sha256 == seen.sha256
    };
    let found =
        super::prompts::kept(row.segments)?.into_iter().filter(|segment| segment.left_out).find_map(|segment| {
            let said = segment.words.clone().filter(|said| is_meant(&said.words))?;
            Some((segment, said))
        });
    found.ok_or_else(|| {
        let message = "name words that this run's prompt shows as left out, with the hash that it shows";
        Problem::unprocessable("words_not_left_out", "These words were not left out of this run's prompt")
            .with_coded_field("/sha256", "words_not_left_out", message)
            .into()
    })
}

/// Words of people without write access that are let in, newest first
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}/let-ins", params(("project_id" = Uuid, Path), Paging),
    responses((status = 200, body = LetInPage),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_let_ins(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
    Query(paging): Query<Paging>,
) -> Result<Json<LetInPage>, ApiError> {
    let project = ProjectId(project);
    staff.may(&app.pool, Permission::Look, project).await?;
    let rows = let_ins::list(&app.pool, project, paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.let_in_at, id: row.id });
    Ok(Json(LetInPage { items: rows.into_iter().map(let_in).collect(), next_cursor }))
}

/// Leave words out again; prompts that were made stay as they are
#[utoipa::path(delete, path = "/api/v1/staff/let-ins/{let_in_id}", params(("let_in_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn withdraw_let_in(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let what = "words that are let in";
    let gone = || no_such(what);
    let row = let_ins::get(&app.pool, id).await?.ok_or_else(gone)?;
    staff.may_with(&app.pool, Permission::Manage, (what, row.project_id)).await?;
    let facts = json!({
        "let_in": id, "repository": row.repository, "number": row.subject_number, "kind": row.kind.0,
        "github_id": row.github_id, "author": row.author_login, "sha256": row.sha256,
    });
    let entry = flow::Entry::new(FlowKind::WordsWithdrawn, staff.actor(), facts);
    if let_ins::withdraw(&app.pool, id, staff.id, &entry).await? { Ok(StatusCode::NO_CONTENT) } else { Err(gone()) }
}

pub(super) fn let_in(row: LetInRow) -> LetIn {
    let marks = untrusted::marks(&row.text).into_iter().map(mark).collect();
    LetIn {
        id: row.id,
        repository_id: row.repository_id.into(),
        repository_full_name: row.repository,
        subject_number: row.subject_number,
        words: WordsSeen { kind: kind(row.kind.0), github_id: row.github_id, sha256: row.sha256 },
        url: row.url,
        author: row.author_login,
        text: row.text,
        marks,
        run_id: row.run_id.into(),
        let_in_by: row.let_in_by,
        let_in_at: row.let_in_at,
    }
}

/// Words as clients name them.
pub(super) fn seen(words: &Words) -> WordsSeen {
    WordsSeen { kind: kind(words.kind), github_id: words.github_id, sha256: words.sha256.clone() }
}

const fn kind(kind: WordsKind) -> gateway::WordsKind {
    match kind {
        WordsKind::PullRequest => gateway::WordsKind::PullRequest,
        WordsKind::Review => gateway::WordsKind::Review,
        WordsKind::Line => gateway::WordsKind::Line,
        WordsKind::Comment => gateway::WordsKind::Comment,
    }
}
