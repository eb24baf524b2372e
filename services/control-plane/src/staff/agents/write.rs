//! Writing agents: each act is a version of its own, with who and why, and leaves an audit event in the statement that
//! makes it.

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{
    AgentChange, AgentDetail, AgentPolicy, AgentPolicyMode, AgentPolicyRightsItem, AgentRollBack, FieldProblem,
    NewAgent,
};
use contract::problem::Problem;
use domain::agents::{Policy, PolicyFault};
use domain::flow::FlowKind;
use domain::ids::ProjectId;
use domain::rights::Permission;
use domain::stages::{Mode, Right};
use domain::tools::choice;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use store::agents::policies::{self, AgentRow, Written};
use store::flow;
use uuid::Uuid;

use super::{detail, gone, seen};
use crate::error::{ApiError, taken};
use crate::staff::modes;
use crate::staff::permit::{Staff, not_permitted};
use crate::staff::views;
use crate::state::App;

/// Give the project an agent of its own (platform owner or admin; admin of the project)
#[utoipa::path(post, path = "/api/v1/staff/projects/{project_id}/agents", request_body = NewAgent,
    params(("project_id" = Uuid, Path)), responses((status = 201, body = AgentDetail),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn add_agent(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
    Json(new): Json<NewAgent>,
) -> Result<(StatusCode, Json<AgentDetail>), ApiError> {
    staff.may(&app.pool, Permission::Manage, ProjectId(project)).await?;
    let policy = sound(new.policy)?;
    let id = Uuid::now_v7();
    let facts = json!({ "agent": id, "name": new.name, "project": project, "version": 1, "reason": new.reason });
    let flow = flow::Entry::new(FlowKind::AgentAdded, staff.actor(), facts);
    let written = Written { policy: &policy, by: staff.id, reason: &new.reason, flow };
    let added = policies::add(&app.pool, id, ProjectId(project), &new.name, &written).await;
    let title = "The project has an agent of this name; change that one, or choose another name";
    added.map_err(taken("agent_exists", "/name", title))?;
    Ok((StatusCode::CREATED, detail(policies::versions(&app.pool, id).await?, true)?))
}

/// Write the next version of the policy
#[utoipa::path(put, path = "/api/v1/staff/agents/{agent_id}/policy", request_body = AgentChange,
    params(("agent_id" = Uuid, Path), ("If-Match" = String, Header)), responses((status = 200, body = AgentDetail),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn change_agent(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(change): Json<AgentChange>,
) -> Result<Json<AgentDetail>, ApiError> {
    let (newest, _) = editable(&app, &staff, id).await?;
    let next = Next { policy: sound(change.policy)?, reason: &change.reason, kind: FlowKind::AgentChanged };
    write(&app, &staff, &newest, views::version(&headers), next).await
}

/// Write a version that says what an earlier one said
#[utoipa::path(post, path = "/api/v1/staff/agents/{agent_id}/roll-back", request_body = AgentRollBack,
    params(("agent_id" = Uuid, Path), ("If-Match" = String, Header)), responses((status = 200, body = AgentDetail),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn roll_back_agent(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(back): Json<AgentRollBack>,
) -> Result<Json<AgentDetail>, ApiError> {
    let (newest, versions) = editable(&app, &staff, id).await?;
    let earlier = versions.iter().find(|row| row.version == back.number && row.version != newest.version);
    let earlier = earlier.ok_or_else(|| {
        let message = format!("name one of the versions before {}", newest.version);
        Problem::unprocessable("no_earlier_version", "There is no earlier version of this number").with_coded_field(
            "/number",
            "no_earlier_version",
            message,
        )
    })?;
    let next = Next { policy: earlier.policy(), reason: &back.reason, kind: FlowKind::AgentRolledBack };
    write(&app, &staff, &newest, views::version(&headers), next).await
}

/// Take a project's own agent away; a role of the same name acts again
#[utoipa::path(delete, path = "/api/v1/staff/agents/{agent_id}", params(("agent_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn remove_agent(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let (newest, _) = editable(&app, &staff, id).await?;
    let Some(project) = newest.project_id else {
        let title = "A role of the platform stays; change its policy, or give a project an agent of this name";
        return Err(Problem::conflict("platform_role", title).into());
    };
    let facts = json!({ "agent": id, "name": newest.name, "project": project, "version": newest.version });
    let entry = flow::Entry::new(FlowKind::AgentRemoved, staff.actor(), facts);
    if policies::remove(&app.pool, id, &entry).await? { Ok(StatusCode::NO_CONTENT) } else { Err(gone()) }
}

/// The newest version and all of them, if the person may write the next.
async fn editable(app: &App, staff: &Staff, id: Uuid) -> Result<(AgentRow, Vec<AgentRow>), ApiError> {
    let (versions, may_edit) = seen(app, staff, id).await?;
    let newest = versions.first().cloned().ok_or_else(gone)?;
    if may_edit { Ok((newest, versions)) } else { Err(not_permitted()) }
}

struct Next<'a> {
    policy: Policy,
    reason: &'a str,
    kind: FlowKind,
}

async fn write(
    app: &App,
    staff: &Staff,
    newest: &AgentRow,
    read: i64,
    next: Next<'_>,
) -> Result<Json<AgentDetail>, ApiError> {
    let changed = || views::version_changed("agent");
    let read = i32::try_from(read).ok().filter(|read| *read == newest.version).ok_or_else(changed)?;
    let mut facts = json!({ "agent": newest.id, "name": newest.name, "version": read + 1, "reason": next.reason });
    if let Some(project) = newest.project_id {
        facts["project"] = json!(project);
    }
    let flow = flow::Entry::new(next.kind, staff.actor(), facts);
    let written = Written { policy: &next.policy, by: staff.id, reason: next.reason, flow };
    match policies::change(&app.pool, newest.id, read, &written).await {
        Ok(true) => detail(policies::versions(&app.pool, newest.id).await?, true),
        Ok(false) => Err(changed()),
        Err(error) if error.as_database_error().is_some_and(|e| e.is_unique_violation()) => Err(changed()),
        Err(error) => Err(error.into()),
    }
}

/// The policy, unless something is wrong with it; then everything at once, each with its field and remedy.
fn sound(wanted: AgentPolicy) -> Result<Policy, ApiError> {
    let off = choice::off(wanted.tools_off.iter().map(String::as_str));
    let asked = modes::read(&wanted.tool_modes);
    let policy = Policy {
        responsibility: wanted.responsibility.unwrap_or_default(),
        mode: match wanted.mode {
            AgentPolicyMode::CodeOnly => Mode::CodeOnly,
            AgentPolicyMode::FullEnv => Mode::FullEnv,
        },
        rights: wanted.rights.into_iter().map(right).collect(),
        parallel_runs: wanted.parallel_runs,
        time_limit_seconds: wanted.time_limit_seconds,
        namespace_ttl_seconds: wanted.namespace_ttl_seconds,
        tool_modes: asked.as_ref().cloned().unwrap_or_default(),
        tools_off: off.as_ref().cloned().unwrap_or_default(),
    };
    let named = |fault: PolicyFault| FieldProblem {
        field: format!("/policy/{}", fault.field),
        message: fault.remedy.to_owned(),
        code: Some(fault.code.to_owned()),
        line: None,
        what: None,
    };
    let tools = off.err().into_iter().chain(asked.err()).flatten();
    let fields = policy.faults().into_iter().map(named).chain(tools.map(|fault| modes::fault("/policy", fault)));
    let mut problem = Problem::unprocessable("policy_refused", "The policy cannot be used as it is");
    problem.fields.extend(fields);
    if problem.fields.is_empty() { Ok(policy) } else { Err(problem.into()) }
}

const fn right(right: AgentPolicyRightsItem) -> Right {
    match right {
        AgentPolicyRightsItem::Read => Right::Read,
        AgentPolicyRightsItem::Logs => Right::Logs,
        AgentPolicyRightsItem::Exec => Right::Exec,
        AgentPolicyRightsItem::TestJobs => Right::TestJobs,
        AgentPolicyRightsItem::Change => Right::Change,
    }
}
