//! What systems of others ask, and what people decide. Whoever does not manage the project knows nothing of it.
#![expect(
    unused_qualifications,
    reason = "utoipa's macro repeats the types of a handler's arguments by their whole path"
)]

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{
    self, AnswerGiven, IntegrationRequest, IntegrationRequestPage, OutsideDecisionGiven, OutsideDecisionGivenDecision,
    OutsideTold, OutsideToldState,
};
use contract::problem::Problem;
use domain::flow::FlowKind;
use domain::ids::ProjectId;
use domain::integrations::asking::{Asked, Link};
use domain::integrations::{OutsideKind, OutsideState, TellState};
use prompts::untrusted::visible;
use serde::Deserialize;
use serde_json::json;
use store::Cursor;
use store::approvals::view::Filter;
use store::flow::Entry;
use store::integration_requests::view::{self, RequestRow};
use store::integration_requests::{self, Decision};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::permit::Staff;
use super::views::Paging;
use super::{approvals, integrations};
use crate::error::{ApiError, no_such};
use crate::state::App;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_integration_requests))
        .routes(routes!(get_integration_request))
        .routes(routes!(answer_integration_request))
        .routes(routes!(decide_integration_request))
}

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OutsideQuery {
    state: Option<String>,
    project_id: Option<Uuid>,
}

/// What systems of others ask, newest first
#[utoipa::path(get, path = "/api/v1/staff/integration-requests", params(OutsideQuery, Paging),
    responses((status = 200, body = IntegrationRequestPage),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_integration_requests(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<OutsideQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<IntegrationRequestPage>, ApiError> {
    let filter = Filter {
        open: query.state.map(|state| state == "open"),
        project: query.project_id.map(ProjectId),
        ..Filter::default()
    };
    let rows = view::list(&app.pool, staff.viewer(), filter, paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.requested_at, id: row.id });
    let items = rows.into_iter().map(shown).collect::<Result<_, _>>()?;
    Ok(Json(IntegrationRequestPage { items, next_cursor }))
}

/// One request of a system of others
#[utoipa::path(get, path = "/api/v1/staff/integration-requests/{request_id}", params(("request_id" = Uuid, Path)),
    responses((status = 200, body = IntegrationRequest),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn get_integration_request(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<IntegrationRequest>, ApiError> {
    Ok(Json(shown(theirs(&app, &staff, id).await?)?))
}

/// Answer the question of a system of others
#[utoipa::path(post, path = "/api/v1/staff/integration-requests/{request_id}/answer", request_body = AnswerGiven,
    params(("request_id" = Uuid, Path)), responses((status = 200, body = IntegrationRequest),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn answer_integration_request(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    Json(given): Json<AnswerGiven>,
) -> Result<Json<IntegrationRequest>, ApiError> {
    let row = theirs(&app, &staff, id).await?;
    let Asked::Execution(asked) = &row.asked.0 else { return Err(approvals::other_kind("action", "decision")) };
    let answer = approvals::answered(&asked.question, &given)?;
    decide(&app, &staff, &row, &Decision::Answer(&answer)).await
}

/// Let a system of others do what it asks leave for, or not
#[utoipa::path(post, path = "/api/v1/staff/integration-requests/{request_id}/decision",
    request_body = OutsideDecisionGiven, params(("request_id" = Uuid, Path)),
    responses((status = 200, body = IntegrationRequest),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn decide_integration_request(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    Json(given): Json<OutsideDecisionGiven>,
) -> Result<Json<IntegrationRequest>, ApiError> {
    let row = theirs(&app, &staff, id).await?;
    if row.kind.0 != OutsideKind::Approval {
        return Err(approvals::other_kind("question", "answer"));
    }
    let words = given.words.as_ref().map(|words| words.trim()).filter(|words| !words.is_empty());
    let decision = match given.decision {
        OutsideDecisionGivenDecision::Approve => Decision::Approve,
        OutsideDecisionGivenDecision::Deny => Decision::Deny(words),
    };
    decide(&app, &staff, &row, &decision).await
}

async fn decide(
    app: &App,
    staff: &Staff,
    row: &RequestRow,
    decision: &Decision<'_>,
) -> Result<Json<IntegrationRequest>, ApiError> {
    let words = match decision {
        Decision::Approve => None,
        Decision::Deny(words) => *words,
        Decision::Answer(answer) => Some(answer.text.as_str()),
    };
    let facts = json!({
        "request": row.id, "project": row.project_id, "integration": row.integration, "decision": decision.state(),
        "words": words,
    });
    let entry = Entry::new(FlowKind::OutsideDecided, staff.actor(), facts);
    let decided = integration_requests::decide(&app.pool, row.id, decision, staff.id, &entry).await?;
    let row = theirs(app, staff, row.id).await?;
    if !decided {
        return Err(too_late(&row));
    }
    app.waker.work();
    app.waker.run(row.id);
    Ok(Json(shown(row)?))
}

/// The request, if they manage its project.
async fn theirs(app: &App, staff: &Staff, id: Uuid) -> Result<RequestRow, ApiError> {
    view::get(&app.pool, staff.viewer(), id).await?.ok_or_else(|| no_such("request"))
}

/// Somebody was first, or nobody was in time.
fn too_late(row: &RequestRow) -> ApiError {
    let words = row.answer.as_ref().map_or("", |answer| answer.text.as_str());
    let by = row.decided_by.as_deref().unwrap_or("Somebody");
    let title = match row.state.0 {
        OutsideState::Approved => format!("{by} has approved it already"),
        OutsideState::Denied => format!("{by} has denied it already"),
        OutsideState::Answered => format!("{by} has answered already: {words}"),
        OutsideState::Requested | OutsideState::Expired => "The time to decide is over".to_owned(),
    };
    Problem::conflict("already_decided", title).into()
}

/// In words of others nothing stays hidden from whoever decides; what is answered is what stands in the row.
fn shown(row: RequestRow) -> Result<IntegrationRequest, ApiError> {
    let asked = row.asked.0;
    let arguments = serde_json::to_string_pretty(asked.arguments()).context("show arguments")?;
    let mut shown = IntegrationRequest {
        id: row.id,
        kind: integrations::shown_kind(row.kind.0),
        state: state(row.state.0),
        integration: row.integration,
        correlation_id: row.correlation_id,
        project_id: row.project_id.into(),
        project_name: row.project_name,
        tool: visible(asked.tool()),
        tool_title: None,
        tool_description: None,
        arguments: visible(&arguments),
        approval_request: None,
        justification: None,
        risk_assessment: None,
        links: Vec::new(),
        question: None,
        context: None,
        options: Vec::new(),
        allow_custom: false,
        answer: row.answer.map(|answer| approvals::shown_answer(answer.0)),
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        requested_at: row.requested_at,
        expires_at: row.expires_at,
        told: row.telling.map(|state| OutsideTold { state: told(state.0), tries: row.attempts, trouble: row.trouble }),
    };
    let words = |said: Option<String>| said.as_deref().map(visible);
    match asked {
        Asked::Approval(asked) => {
            (shown.approval_request, shown.justification) = (words(asked.request), words(asked.justification));
            shown.risk_assessment = words(asked.risk);
            shown.links = asked.links.iter().map(link).collect();
        }
        Asked::Execution(asked) => {
            (shown.tool_title, shown.tool_description) = (words(asked.title), words(asked.description));
            (shown.question, shown.context) = (Some(visible(&asked.question.question)), words(asked.question.context));
            shown.options = asked.question.options.iter().map(|option| visible(option)).collect();
            shown.allow_custom = asked.question.allow_custom;
        }
    }
    Ok(shown)
}

fn link(Link { text, url }: &Link) -> gateway::OutsideLink {
    gateway::OutsideLink { text: visible(text), url: visible(url) }
}

const fn state(state: OutsideState) -> gateway::OutsideState {
    match state {
        OutsideState::Requested => gateway::OutsideState::Requested,
        OutsideState::Approved => gateway::OutsideState::Approved,
        OutsideState::Denied => gateway::OutsideState::Denied,
        OutsideState::Answered => gateway::OutsideState::Answered,
        OutsideState::Expired => gateway::OutsideState::Expired,
    }
}

const fn told(state: TellState) -> OutsideToldState {
    match state {
        TellState::Queued => OutsideToldState::Queued,
        TellState::Told => OutsideToldState::Told,
        TellState::Unclear => OutsideToldState::Unclear,
        TellState::Failed => OutsideToldState::Failed,
    }
}
