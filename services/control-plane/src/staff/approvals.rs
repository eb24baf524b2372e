//! What agents ask of people: questions and leave to act, and what people decide.

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, Query, State};
use contract::Secret;
use contract::gateway::{self, AnswerGiven, Approval, ApprovalPage, DecisionGiven, DecisionGivenDecision};
use contract::problem::Problem;
use domain::approvals::secrets::UnfitValue;
use domain::approvals::{self as rules, Action, Answer, Asked, Effect, NoAnswer, Question};
use domain::flow::FlowKind;
use serde_json::{Value, json};
use store::approvals::secrets::value_aad;
use store::approvals::view::{self, ApprovalRow};
use store::approvals::{self, Decision, Meant};
use store::{Cursor, flow};
use uuid::Uuid;
use vault::Sealed;

use super::permit::{Staff, not_permitted};
use super::requests::{self, RequestQuery};
use super::views::Paging;
use crate::error::{ApiError, no_such};
use crate::state::App;

/// What agents ask of people, newest first
#[utoipa::path(get, path = "/api/v1/staff/approvals", params(RequestQuery, Paging),
    responses((status = 200, body = ApprovalPage),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_approvals(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<RequestQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<ApprovalPage>, ApiError> {
    let rows = view::list(&app.pool, staff.viewer(), query.filter(), paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.requested_at, id: row.id });
    let items = rows.into_iter().map(|row| approval(row, &staff)).collect();
    Ok(Json(ApprovalPage { items, open: view::open_for(&app.pool, staff.viewer()).await?, next_cursor }))
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
    view::get(&app.pool, staff.viewer(), id).await?.ok_or_else(|| no_such("request"))
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
    let Asked::Question(question) = &row.asked.0 else { return Err(other_kind("action", "decision")) };
    if !may_decide(&row, &staff) {
        return Err(not_permitted());
    }
    let answer = answered(question, &given)?;
    let said = json!({ "request": id, "answer": answer.text });
    decide(&app, &staff, id, &Decision::Answer(&answer), FlowKind::RequestAnswered, said).await
}

/// Let an agent do what it asks leave for, or not
#[utoipa::path(post, path = "/api/v1/staff/approvals/{approval_id}/decision", request_body = DecisionGiven,
    params(("approval_id" = Uuid, Path)), responses((status = 200, body = Approval),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn decide_action(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    Json(given): Json<DecisionGiven>,
) -> Result<Json<Approval>, ApiError> {
    let row = visible(&app, &staff, id).await?;
    let Asked::Action(action) = &row.asked.0 else { return Err(other_kind("question", "answer")) };
    if !may_decide(&row, &staff) {
        return Err(not_permitted());
    }
    let (digest, words) = (given.digest.as_str(), given.words.as_ref().map(|words| words.trim()));
    if row.digest.as_deref() != Some(digest) {
        let problem =
            Problem::conflict("digest_differs", "This decision is about something else than what is asked now");
        return Err(problem.into());
    }
    let meant = Meant { digest, mode: row.mode.context("an action that nobody may approve")?.0 };
    let sealed = match given.decision {
        DecisionGivenDecision::Approve => value(&app, id, action, given.value.as_ref())?,
        DecisionGivenDecision::Deny => None,
    };
    let (decision, kind) = match (given.decision, &sealed) {
        (DecisionGivenDecision::Approve, None) => (Decision::Approve(meant), FlowKind::RequestApproved),
        (DecisionGivenDecision::Approve, Some(sealed)) => {
            (Decision::ApproveWith(meant, sealed.as_bytes()), FlowKind::RequestApproved)
        }
        (DecisionGivenDecision::Deny, _) => (Decision::Deny(meant, words), FlowKind::RequestDenied),
    };
    let said = json!({ "request": id, "digest": digest, "words": words });
    decide(&app, &staff, id, &decision, kind, said).await
}

/// What the approving person typed, where the action wants it: sealed for its request before anything else is done with it.
fn value(app: &App, id: Uuid, action: &Action, typed: Option<&Secret>) -> Result<Option<Sealed>, ApiError> {
    let typed = typed.map(Secret::expose);
    let value = match &action.effect {
        Effect::Secret { sync, .. } => sync.value(typed).map_err(unfit)?,
        _ if typed.is_some() => return Err(unfit(UnfitValue::NotAsked)),
        _ => None,
    };
    let sealed = value.map(|value| app.keyring.seal(value.as_bytes(), &value_aad(id)));
    Ok(sealed.transpose().context("sealing a value that was typed")?)
}

async fn decide(
    app: &App,
    staff: &Staff,
    id: Uuid,
    decision: &Decision<'_>,
    kind: FlowKind,
    said: Value,
) -> Result<Json<Approval>, ApiError> {
    let entry = flow::Entry::new(kind, staff.actor(), said);
    let decided = approvals::decide(&app.pool, id, decision, staff.id, &entry).await?;
    let row = visible(app, staff, id).await?;
    let Some(run) = decided else {
        let is_anothers = row.state.0 == rules::ApprovalState::Requested && !may_decide(&row, staff);
        return Err(if is_anothers { not_permitted() } else { too_late(&row) });
    };
    app.waker.work();
    app.waker.run(run.into());
    Ok(Json(approval(row, staff)))
}

/// What somebody answers, if it answers the question.
pub(super) fn answered(question: &Question, given: &AnswerGiven) -> Result<Answer, ApiError> {
    let option = given.option.map(usize::try_from).transpose().context("an option is no index")?;
    question.answered(option, given.text.as_deref()).map_err(refused)
}

/// An answer, as the contract shows it.
pub(super) fn shown_answer(answer: Answer) -> gateway::Answer {
    gateway::Answer { option: answer.option.and_then(|option| i32::try_from(option).ok()), text: answer.text }
}

/// It wants the other verb.
pub(super) fn other_kind(kind: &str, verb: &str) -> ApiError {
    Problem::conflict("other_kind", format!("This request is a {kind}; use its {verb}")).into()
}

fn refused(why: NoAnswer) -> ApiError {
    let (field, code) = match why {
        NoAnswer::NotOne => ("/option", "answer_not_one"),
        NoAnswer::NoSuchOption => ("/option", "answer_no_such_option"),
        NoAnswer::OptionsOnly => ("/text", "answer_options_only"),
        NoAnswer::Empty => ("/text", "answer_empty"),
        NoAnswer::TooLong => ("/text", "answer_too_long"),
    };
    let problem = Problem::unprocessable("no_answer", "This is no answer to the question");
    problem.with_coded_field(field, code, why.to_string()).into()
}

fn unfit(why: UnfitValue) -> ApiError {
    let code = match why {
        UnfitValue::Missing => "value_missing",
        UnfitValue::NotAsked => "value_not_asked",
        UnfitValue::TooLong => "value_too_long",
        UnfitValue::Unreadable => "value_unreadable",
    };
    let problem = Problem::unprocessable("unfit_value", "The value cannot be taken");
    problem.with_coded_field("/value", code, why.to_string()).into()
}

/// Somebody was first, or nobody was in time.
fn too_late(row: &ApprovalRow) -> ApiError {
    let words = row.answer.as_ref().map_or("", |answer| answer.text.as_str());
    let by = row.decided_by.as_deref().or(row.decided_through.as_deref()).unwrap_or("Somebody");
    let title = match row.state.0 {
        rules::ApprovalState::Answered => format!("{by} has answered already: {words}"),
        rules::ApprovalState::Denied => format!("{by} has denied it already"),
        rules::ApprovalState::Withdrawn => "The run ended before anybody decided".to_owned(),
        rules::ApprovalState::Stale => "What it is about changed before anybody decided".to_owned(),
        rules::ApprovalState::Requested => {
            "Its time is over, or who may decide has just changed: look again".to_owned()
        }
        rules::ApprovalState::Expired => "The time to decide is over".to_owned(),
        state => format!("{by} has approved it already; it is {state}"),
    };
    Problem::conflict("already_decided", title).into()
}

fn may_decide(row: &ApprovalRow, staff: &Staff) -> bool {
    let role = staff.role_from(row.member_role.as_ref().map(|role| role.0));
    match &row.mode {
        Some(mode) => rules::may_approve(mode.0, role),
        None => rules::may_decide(role, row.started_by == staff.id),
    }
}

fn approval(row: ApprovalRow, staff: &Staff) -> Approval {
    let may_decide = may_decide(&row, staff);
    requests::shown(row, may_decide)
}
