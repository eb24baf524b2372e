//! Hosts that runs were refused, and what people decide about them.

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{EgressDecisionGiven, EgressRequest, EgressRequestPage, EgressRequestState};
use contract::problem::Problem;
use domain::egress::EgressDecision;
use domain::flow::FlowKind;
use domain::rights::{self, Permission};
use serde_json::json;
use store::Cursor;
use store::egress_requests::{self, Decided, RequestRow};
use store::flow::Entry;
use uuid::Uuid;

use super::permit::{Staff, not_permitted};
use super::requests::RequestQuery;
use super::views::Paging;
use crate::error::{ApiError, no_such};
use crate::state::App;

/// Hosts that runs were refused and that people are asked about, newest first
#[utoipa::path(get, path = "/api/v1/staff/egress-requests", params(RequestQuery, Paging),
    responses((status = 200, body = EgressRequestPage),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_egress_requests(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<RequestQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<EgressRequestPage>, ApiError> {
    let rows =
        egress_requests::list(&app.pool, staff.viewer(), query.filter(), paging.after()?, paging.limit_and_one())
            .await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.requested_at, id: row.id });
    let items = rows.into_iter().map(|row| shown(row, &staff)).collect::<Result<_, _>>()?;
    Ok(Json(EgressRequestPage { items, next_cursor }))
}

/// Decide about a host
#[utoipa::path(post, path = "/api/v1/staff/egress-requests/{request_id}/decision", request_body = EgressDecisionGiven,
    params(("request_id" = Uuid, Path)), responses((status = 200, body = EgressRequest),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn decide_egress(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    Json(given): Json<EgressDecisionGiven>,
) -> Result<Json<EgressRequest>, ApiError> {
    let row = visible(&app, &staff, id).await?;
    if !may_decide(&row, &staff) {
        return Err(not_permitted());
    }
    let decision: EgressDecision = given.decision.to_string().parse().context("an unknown decision")?;
    if decision == EgressDecision::Once && row.run_over && row.open {
        let problem = Problem::conflict("run_over", "The run is over; decide for its role, for the project, or never");
        return Err(problem.into());
    }
    let told = json!({ "host": row.host, "decision": decision.as_str() });
    let flow = Entry::new(FlowKind::EgressDecided, staff.actor(), told);
    let runs = egress_requests::decide(&app.pool, Decided { request: id, decision, by: staff.id, flow }).await?;
    let row = visible(&app, &staff, id).await?;
    if runs.is_empty() {
        return Err(too_late(&row));
    }
    for run in runs {
        app.waker.run(run.into());
    }
    Ok(Json(shown(row, &staff)?))
}

async fn visible(app: &App, staff: &Staff, id: Uuid) -> Result<RequestRow, ApiError> {
    egress_requests::get(&app.pool, staff.viewer(), id).await?.ok_or_else(|| no_such("request"))
}

fn may_decide(row: &RequestRow, staff: &Staff) -> bool {
    rights::allows(staff.role_from(row.member_role.as_ref().map(|role| role.0)), Permission::Manage)
}

/// Somebody was first, or nobody was in time.
fn too_late(row: &RequestRow) -> ApiError {
    let title = match (&row.decision, &row.decided_by) {
        (Some(decision), by) => format!("{} has decided already: {}", by.as_deref().unwrap_or("Somebody"), decision.0),
        (None, _) => "The time to decide is over".to_owned(),
    };
    Problem::conflict("already_decided", title).into()
}

fn shown(row: RequestRow, staff: &Staff) -> Result<EgressRequest, ApiError> {
    let may_decide = may_decide(&row, staff);
    let decision = row.decision.map(|decision| decision.0.as_str().parse()).transpose();
    let state = match (row.open, &decision) {
        (true, _) => EgressRequestState::Open,
        (false, Ok(None)) => EgressRequestState::Expired,
        (false, _) => EgressRequestState::Decided,
    };
    Ok(EgressRequest {
        id: row.id,
        host: row.host,
        state,
        decision: decision.context("an unknown decision")?,
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        tries: row.tries,
        requested_at: row.requested_at,
        expires_at: row.expires_at,
        run_id: row.run_id.into(),
        run_over: row.run_over,
        project_id: row.project_id.into(),
        project_name: row.project_name,
        repository_full_name: row.repository_full_name,
        subject_number: row.subject_number,
        subject_title: row.subject_title,
        role: row.role,
        may_decide,
    })
}
