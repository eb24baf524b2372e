//! Policies of agents, as people read and write them. A version is never changed: who takes one back writes a newer one.

use chrono::{DateTime, Utc};
use domain::agents::Policy;
use domain::approvals::policy::ToolModes;
use domain::ids::{ProjectId, UserId};
use domain::stages::{Mode, Right};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Coded, Result, flow};

/// An agent with one version of its policy.
#[derive(Debug, Clone)]
pub struct AgentRow {
    /// The agent.
    pub id: Uuid,
    /// Its project; `None`: a role of the platform.
    pub project_id: Option<Uuid>,
    /// Its name.
    pub name: String,
    /// The version.
    pub version: i32,
    /// What it is there for.
    pub responsibility: String,
    /// What surrounds it.
    pub mode: Coded<Mode>,
    /// What its account may do.
    pub rights: Vec<Coded<Right>>,
    /// Runs at once in one project.
    pub parallel_runs: i32,
    /// How long a run may take.
    pub time_limit_seconds: i32,
    /// How long its namespace lives.
    pub namespace_ttl_seconds: i32,
    /// Who is asked for tools.
    pub tool_modes: Json<ToolModes>,
    /// Tools that it does not have, by their names.
    pub tools_off: Vec<String>,
    /// Who wrote it; `None`: the platform.
    pub author: Option<String>,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl AgentRow {
    /// What the version says.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            responsibility: self.responsibility.clone(),
            mode: self.mode.0,
            rights: self.rights.iter().map(|right| right.0).collect(),
            parallel_runs: self.parallel_runs,
            time_limit_seconds: self.time_limit_seconds,
            namespace_ttl_seconds: self.namespace_ttl_seconds,
            tool_modes: self.tool_modes.0.clone(),
            tools_off: self.tools_off.iter().filter_map(|name| name.parse().ok()).collect(),
        }
    }
}

/// Who acts in a project, each with the policy that counts.
///
/// # Errors
/// The database's.
pub async fn acting(db: impl PgExecutor<'_>, project: ProjectId) -> Result<Vec<AgentRow>> {
    view(db, Some(project.0), None, false).await
}

/// One agent with every version of its policy, newest first.
///
/// # Errors
/// The database's.
pub async fn versions(db: impl PgExecutor<'_>, agent: Uuid) -> Result<Vec<AgentRow>> {
    view(db, None, Some(agent), true).await
}

async fn view(
    db: impl PgExecutor<'_>,
    project: Option<Uuid>,
    agent: Option<Uuid>,
    all_versions: bool,
) -> Result<Vec<AgentRow>> {
    sqlx::query_file_as!(AgentRow, "src/agents/view.sql", project, agent, all_versions).fetch_all(db).await
}

/// What is written, by whom and why.
#[derive(Debug, Clone)]
pub struct Written<'a> {
    /// What the policy says.
    pub policy: &'a Policy,
    /// Who.
    pub by: UserId,
    /// Why.
    pub reason: &'a str,
    /// For the audit.
    pub flow: flow::Entry,
}

impl Written<'_> {
    fn rights(&self) -> Vec<String> {
        self.policy.rights.iter().map(ToString::to_string).collect()
    }

    fn tools_off(&self) -> Vec<String> {
        self.policy.tools_off.iter().map(ToString::to_string).collect()
    }

    fn tool_modes(&self) -> Json<&ToolModes> {
        Json(&self.policy.tool_modes)
    }
}

/// Gives a project an agent of its own.
///
/// # Errors
/// A unique violation when it has one of this name.
pub async fn add(
    db: impl PgExecutor<'_>,
    id: Uuid,
    project: ProjectId,
    name: &str,
    written: &Written<'_>,
) -> Result<()> {
    sqlx::query_file!(
        "src/agents/add.sql",
        id,
        project.0,
        name,
        written.policy.responsibility,
        written.policy.mode.as_str(),
        &written.rights(),
        written.policy.parallel_runs,
        written.policy.time_limit_seconds,
        written.policy.namespace_ttl_seconds,
        written.tool_modes() as _,
        &written.tools_off(),
        written.by.0,
        written.reason,
        written.flow.id,
        written.flow.kind.as_str(),
        written.flow.actor,
        written.flow.data
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes the next version of an agent's policy; answers whether the newest was still the one that was read.
///
/// # Errors
/// A unique violation when somebody else wrote one at the same moment.
pub async fn change(db: impl PgExecutor<'_>, agent: Uuid, read: i32, written: &Written<'_>) -> Result<bool> {
    let changed = sqlx::query_file!(
        "src/agents/change.sql",
        agent,
        read,
        written.policy.responsibility,
        written.policy.mode.as_str(),
        &written.rights(),
        written.policy.parallel_runs,
        written.policy.time_limit_seconds,
        written.policy.namespace_ttl_seconds,
        written.tool_modes() as _,
        &written.tools_off(),
        written.by.0,
        written.reason,
        written.flow.id,
        written.flow.kind.as_str(),
        written.flow.actor,
        written.flow.data
    )
    .execute(db)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Takes a project's own agent away; a role of the same name acts again. Answers whether it was there.
///
/// # Errors
/// The database's.
pub async fn remove(db: impl PgExecutor<'_>, agent: Uuid, entry: &flow::Entry) -> Result<bool> {
    let removed =
        sqlx::query_file!("src/agents/remove.sql", agent, entry.id, entry.kind.as_str(), entry.actor, entry.data)
            .execute(db)
            .await?;
    Ok(removed.rows_affected() == 1)
}
