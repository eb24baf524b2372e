//! What agents ask of people, and people's answers.
#![expect(
    unused_qualifications,
    reason = "utoipa's macro repeats the types of a handler's arguments by their whole path"
)]

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{self, AnswerGiven, Approval, ApprovalKind, ApprovalPage};
use contract::problem::Problem;
use domain::approvals::{self as rules, NoAnswer, Question};
use domain::flow::FlowKind;
use domain::ids::{ProjectId, RunId};
use serde::Deserialize;
use serde_json::json;
use store::approvals::{self, ApprovalRow, Filter};
use store::{Cursor, flow};
use utoipa::IntoParams;
use uuid::Uuid;

use super::permit::{Staff, not_permitted};
use super::views::Paging;
use crate::error::{ApiError, no_such};
use crate::state::App;

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ApprovalQuery {
    state: Option<String>,
    project_id: Option<Uuid>,
    run_id: Option<Uuid>,
}

/// What agents ask of people, newest first
#[utoipa::path(get, path = "/api/v1/staff/approvals", params(ApprovalQuery, Paging),
    responses((status = 200, body = ApprovalPage),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_approvals(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<ApprovalQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<ApprovalPage>, ApiError> {
    let filter = Filter {
        open: query.state.map(|state| state == "open"),
        project: query.project_id.map(ProjectId),
        run: query.run_id.map(RunId),
        ..Filter::default()
    };
    let rows = approvals::list(&app.pool, staff.viewer(), filter, paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.requested_at, id: row.id });
    let items = rows.into_iter().map(|row| approval(row, &staff)).collect();
    Ok(Json(ApprovalPage { items, open: approvals::open_for(&app.pool, staff.viewer()).await?, next_cursor }))
}

/// One request of an agent
#[utoipa::path(get, path = "/api/v1/staff/approvals/{approval_id}", params(("approval_id" = Uuid, Path)),
    responses((status = 200, body = Approval),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_approval(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<Approval>, ApiError> {
    Ok(Json(approval(visible(&app, &staff, id).await?, &staff)))
}

async fn visible(app: &App, staff: &Staff, id: Uuid) -> Result<ApprovalRow, ApiError> {
    approvals::get(&app.pool, staff.viewer(), id).await?.ok_or_else(|| no_such("request"))
}

/// Answer an agent's question
#[utoipa::path(post, path = "/api/v1/staff/approvals/{approval_id}/answer", request_body = AnswerGiven,
    params(("approval_id" = Uuid, Path)), responses((status = 200, body = Approval),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn answer_question(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    Json(given): Json<AnswerGiven>,
) -> Result<Json<Approval>, ApiError> {
    let row = visible(&app, &staff, id).await?;
    if !may_decide(&row, &staff) {
        return Err(not_permitted());
    }
    let option = given.option.map(usize::try_from).transpose().context("an option is no index")?;
    let answer = row.asked.answered(option, given.text.as_deref()).map_err(refused)?;
    let entry =
        flow::Entry::new(FlowKind::RequestAnswered, staff.actor(), json!({ "request": id, "answer": answer.text }));
    let answered = approvals::answer(&app.pool, id, &answer, staff.id, &entry).await?;
    let row = visible(&app, &staff, id).await?;
    let Some(run) = answered else { return Err(decided(&row)) };
    app.waker.work();
    app.waker.run(run.into());
    Ok(Json(approval(row, &staff)))
}

fn refused(why: NoAnswer) -> ApiError {
    let (field, code) = match why {
        NoAnswer::NotOne => ("/option", "answer_not_one"),
        NoAnswer::NoSuchOption => ("/option", "answer_no_such_option"),
        NoAnswer::OptionsOnly => ("/text", "answer_options_only"),
        NoAnswer::Empty => ("/text", "answer_empty"),
    };
    let problem = Problem::unprocessable("no_answer", "This is no answer to the question");
    problem.with_coded_field(field, code, why.to_string()).into()
}

/// Somebody was first, or nobody was in time.
fn decided(row: &ApprovalRow) -> ApiError {
    let words = row.answer.as_ref().map_or("", |answer| answer.text.as_str());
    let title = match (row.state.0, row.decided_by.as_deref()) {
        (rules::ApprovalState::Answered, Some(by)) => format!("{by} has answered already: {words}"),
        (rules::ApprovalState::Withdrawn, _) => "The run ended before anybody answered".to_owned(),
        _ => "The time to answer is over".to_owned(),
    };
    Problem::conflict("already_decided", title).into()
}

fn may_decide(row: &ApprovalRow, staff: &Staff) -> bool {
    let role = staff.role_from(row.member_role.as_ref().map(|role| role.0));
    rules::may_decide(role, row.started_by == staff.id)
}

fn approval(row: ApprovalRow, staff: &Staff) -> Approval {
    let may_decide = may_decide(&row, staff);
    let Question { question, context, options, allow_custom } = row.asked.0;
    Approval {
        id: row.id,
        kind: ApprovalKind::Question,
        tool: row.tool,
        state: state(row.state.0),
        run_id: row.run_id.into(),
        project_id: row.project_id.into(),
        project_name: row.project_name,
        repository_full_name: row.repository_full_name,
        subject_number: row.subject_number,
        subject_title: row.subject_title,
        subject_url: row.subject_url,
        stage: row.stage.0.to_string(),
        role: row.role,
        started_by: row.started_by_login,
        question,
        context,
        options,
        allow_custom,
        answer: row.answer.map(|answer| gateway::Answer {
            option: answer.option.and_then(|option| i32::try_from(option).ok()),
            text: answer.0.text,
        }),
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        requested_at: row.requested_at,
        expires_at: row.expires_at,
        may_decide,
    }
}

const fn state(state: rules::ApprovalState) -> gateway::ApprovalState {
    match state {
        rules::ApprovalState::Requested => gateway::ApprovalState::Requested,
        rules::ApprovalState::Answered => gateway::ApprovalState::Answered,
        rules::ApprovalState::Expired => gateway::ApprovalState::Expired,
        rules::ApprovalState::Withdrawn => gateway::ApprovalState::Withdrawn,
    }
}
