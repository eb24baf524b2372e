//! Runs: lists, one run, its log, and stopping it.
#![expect(
    unused_qualifications,
    reason = "utoipa's macro repeats the types of a handler's arguments by their whole path"
)]

use std::fmt::Write;

use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{FlowEventList, Run, RunEventPage, RunPage, RunStatus, WaitList};
use contract::problem::Problem;
use domain::flow::FlowKind;
use domain::ids::{ProjectId, RepositoryId, RunId};
use domain::rights::Permission;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use store::runs::view::{self, Filter, RunView};
use store::{Cursor, events, flow};
use utoipa::IntoParams;
use uuid::Uuid;

use super::permit::Staff;
use super::views::{self, Paging};
use crate::error::{ApiError, no_such};
use crate::state::App;

/// Events that one page of the log has when nothing is asked.
const EVENTS: i32 = 1000;
/// Waiting runs that are listed.
const WAITS: i64 = 500;
/// Audit events that a timeline shows.
const TIMELINE: i64 = 1000;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RunQuery {
    project_id: Option<Uuid>,
    repository_id: Option<Uuid>,
    status: Option<RunStatus>,
    active: Option<bool>,
    q: Option<String>,
}

/// Runs, newest first
#[utoipa::path(get, path = "/api/v1/staff/runs", params(Paging, RunQuery), responses((status = 200, body = RunPage),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_runs(
    State(app): State<App>,
    staff: Staff,
    Query(paging): Query<Paging>,
    Query(query): Query<RunQuery>,
) -> Result<Json<RunPage>, ApiError> {
    let filter = Filter {
        project: query.project_id.map(ProjectId),
        repository: query.repository_id.map(RepositoryId),
        status: query.status.and_then(|status| status.to_string().parse().ok()),
        active: query.active,
        text: query.q.as_deref().filter(|text| !text.is_empty()),
        ..Filter::default()
    };
    let rows = view::list(&app.pool, staff.viewer(), &filter, paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.queued_at, id: row.id.into() });
    Ok(Json(RunPage { items: rows.into_iter().map(|row| views::run(row, &staff)).collect(), next_cursor }))
}

/// Runs that wait for somebody or something, those that wait longest first
#[utoipa::path(get, path = "/api/v1/staff/waits", responses((status = 200, body = WaitList),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_waits(State(app): State<App>, staff: Staff) -> Result<Json<WaitList>, ApiError> {
    let filter = Filter { waiting: true, ..Filter::default() };
    let mut rows = view::list(&app.pool, staff.viewer(), &filter, None, WAITS + 1).await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > WAITS);
    rows.truncate(usize::try_from(WAITS).unwrap_or(usize::MAX));
    rows.sort_by_key(|row| row.waits_since);
    Ok(Json(WaitList { items: rows.into_iter().map(|row| views::run(row, &staff)).collect(), more }))
}

/// The run, if the person may see it.
pub(super) async fn visible(app: &App, staff: &Staff, id: Uuid) -> Result<RunView, ApiError> {
    view::get(&app.pool, staff.viewer(), RunId(id)).await?.ok_or_else(|| no_such("run"))
}

/// One run
#[utoipa::path(get, path = "/api/v1/staff/runs/{run_id}", params(("run_id" = Uuid, Path)),
    responses((status = 200, body = Run),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_run(State(app): State<App>, staff: Staff, Path(id): Path<Uuid>) -> Result<Json<Run>, ApiError> {
    Ok(Json(views::run(visible(&app, &staff, id).await?, &staff)))
}

/// Ask for a run to stop; its worker does the stopping
#[utoipa::path(post, path = "/api/v1/staff/runs/{run_id}/cancel", params(("run_id" = Uuid, Path)),
    responses((status = 202, body = Run),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel_run(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<Run>), ApiError> {
    let run = visible(&app, &staff, id).await?;
    staff.may(&app.pool, Permission::Run, run.project_id).await?;
    let entry = flow::Entry::new(FlowKind::CancelRequested, staff.actor(), json!({}));
    if !view::request_cancel(&app.pool, run.id, &staff.login, &entry).await? {
        return Err(Problem::conflict("run_is_over", "The run is over already").into());
    }
    app.waker.work();
    app.waker.run(id);
    Ok((StatusCode::ACCEPTED, Json(views::run(visible(&app, &staff, id).await?, &staff))))
}

/// The run's audit events, oldest first
#[utoipa::path(get, path = "/api/v1/staff/runs/{run_id}/timeline", params(("run_id" = Uuid, Path)),
    responses((status = 200, body = FlowEventList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_run_timeline(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<FlowEventList>, ApiError> {
    let run = visible(&app, &staff, id).await?;
    let rows = flow::of_run(&app.pool, run.id, 0, TIMELINE).await?;
    Ok(Json(FlowEventList { items: rows.into_iter().map(views::flow_event).collect() }))
}

/// Which part of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    after: Option<i64>,
    limit: Option<i32>,
}

/// What the agent reported, oldest first
#[utoipa::path(get, path = "/api/v1/staff/runs/{run_id}/events", params(("run_id" = Uuid, Path), EventQuery),
    responses((status = 200, body = RunEventPage),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_run_events(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    Query(query): Query<EventQuery>,
) -> Result<Json<RunEventPage>, ApiError> {
    let run = visible(&app, &staff, id).await?;
    let limit = i64::from(query.limit.unwrap_or(EVENTS));
    let mut rows = events::after(&app.pool, run.id, query.after.unwrap_or_default(), limit + 1).await?;
    let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        rows.pop();
    }
    let items = rows.into_iter().map(views::run_event).collect::<Result<_, _>>()?;
    Ok(Json(RunEventPage { items, more }))
}

/// The whole log as text
#[utoipa::path(get, path = "/api/v1/staff/runs/{run_id}/log", params(("run_id" = Uuid, Path)),
    responses((status = 200, body = String, content_type = "text/plain"),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn download_run_log(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<impl axum::response::IntoResponse, ApiError> {
    let run = visible(&app, &staff, id).await?;
    let name = format!("attachment; filename=\"run-{}.log\"", run.id.short());
    let pages = futures::stream::try_unfold(0, move |after| {
        let app = app.clone();
        async move {
            let rows = events::after(&app.pool, RunId(id), after, i64::from(EVENTS)).await?;
            let Some(last) = rows.last().map(|row| row.position) else { return Ok(None) };
            Ok::<_, store::Error>(Some((text_of(&rows), last)))
        }
    });
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, axum::body::Body::from_stream(pages)))
}

fn text_of(rows: &[events::EventRow]) -> String {
    let mut text = String::new();
    for row in rows {
        let line_end = if row.text.ends_with('\n') { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{} {:<11} {}{line_end}", row.at.format("%Y-%m-%dT%H:%M:%S%.3fZ"), row.kind, row.text);
    }
    text
}
