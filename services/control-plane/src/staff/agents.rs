//! Agents: who acts in a project and within what limits. Everybody may look at the platform's roles, and at the agents of
//! a project of theirs.

pub(super) mod write;

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{
    Agent, AgentDetail, AgentList, AgentPolicy, AgentPolicyMode, AgentPolicyRightsItem, AgentVersion,
};
use contract::problem::Problem;
use domain::catalogue::Catalogue;
use domain::ids::ProjectId;
use domain::rights::{self, Permission};
use domain::stages::{Mode, Right, Role};
use store::agents::policies::{self, AgentRow};
use uuid::Uuid;

use super::modes;
use super::permit::Staff;
use crate::error::{ApiError, no_such};
use crate::state::App;

/// Who acts in the project, each with the policy that counts
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}/agents", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = AgentList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_agents(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
) -> Result<Json<AgentList>, ApiError> {
    let project = ProjectId(project);
    let may_edit = rights::allows(staff.role_in(&app.pool, project).await?, Permission::Manage);
    let rows = policies::acting(&app.pool, project).await?;
    Ok(Json(AgentList { items: rows.into_iter().map(agent).collect(), may_edit }))
}

/// One agent with every version of its policy
#[utoipa::path(get, path = "/api/v1/staff/agents/{agent_id}", params(("agent_id" = Uuid, Path)),
    responses((status = 200, body = AgentDetail),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_agent(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<AgentDetail>, ApiError> {
    let (versions, may_edit) = seen(&app, &staff, id).await?;
    detail(versions, may_edit)
}

/// Every version of an agent that the person may see, newest first, and whether they may write the next.
async fn seen(app: &App, staff: &Staff, id: Uuid) -> Result<(Vec<AgentRow>, bool), ApiError> {
    let versions = policies::versions(&app.pool, id).await?;
    let project = versions.first().ok_or_else(gone)?.project_id.map(ProjectId);
    let may_edit = staff.writes_for(&app.pool, ("agent", project)).await?;
    Ok((versions, may_edit))
}

fn gone() -> ApiError {
    no_such("agent")
}

fn detail(versions: Vec<AgentRow>, may_edit: bool) -> Result<Json<AgentDetail>, ApiError> {
    let newest = versions.first().cloned().ok_or_else(gone)?;
    Ok(Json(AgentDetail { agent: agent(newest), versions: versions.into_iter().map(version).collect(), may_edit }))
}

fn agent(row: AgentRow) -> Agent {
    let role = row.name.parse::<Role>().ok();
    let stages = role.map(|role| Catalogue::builtin().stages_of(role)).unwrap_or_default();
    Agent {
        id: row.id,
        name: row.name.clone(),
        project_id: row.project_id,
        is_role: role.is_some(),
        tools: row.policy().tools(&stages).iter().map(ToString::to_string).collect(),
        version: version(row),
    }
}

fn version(row: AgentRow) -> AgentVersion {
    let policy = AgentPolicy {
        responsibility: Some(row.responsibility).filter(|words| !words.is_empty()),
        mode: match row.mode.0 {
            Mode::CodeOnly => AgentPolicyMode::CodeOnly,
            Mode::FullEnv => AgentPolicyMode::FullEnv,
        },
        rights: row.rights.into_iter().map(|held| right(held.0)).collect(),
        parallel_runs: row.parallel_runs,
        time_limit_seconds: row.time_limit_seconds,
        namespace_ttl_seconds: row.namespace_ttl_seconds,
        tool_modes: modes::shown(&row.tool_modes),
        tools_off: row.tools_off,
    };
    AgentVersion { number: row.version, policy, author: row.author, reason: row.reason, created_at: row.created_at }
}

const fn right(right: Right) -> AgentPolicyRightsItem {
    match right {
        Right::Read => AgentPolicyRightsItem::Read,
        Right::Logs => AgentPolicyRightsItem::Logs,
        Right::Exec => AgentPolicyRightsItem::Exec,
        Right::TestJobs => AgentPolicyRightsItem::TestJobs,
        Right::Change => AgentPolicyRightsItem::Change,
    }
}
