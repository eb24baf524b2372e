//! What the start of a leased run rests on, read again before anything is spent.

use domain::rights::{PlatformRole, ProjectRole};
use sqlx::PgExecutor;

use super::Lease;
use crate::{Coded, Result, flow};

/// Who started a run, and what may be chosen for it.
#[derive(Debug, Clone)]
pub struct StartRow {
    /// Numeric id on GitHub of who started it.
    pub github_id: i64,
    /// Their login.
    pub login: String,
    /// Their role on the platform; `None`: not a user any more.
    pub platform_role: Option<Coded<PlatformRole>>,
    /// Their role in the project.
    pub project_role: Option<Coded<ProjectRole>>,
    /// They did it on GitHub, and so must see the repository there.
    pub by_forge: bool,
    /// The label that did it.
    pub trigger_label: Option<String>,
    /// The platform has yet to put that label on.
    pub trigger_is_coming: bool,
    /// Model of the run so far.
    pub model: String,
    /// Reasoning effort so far, in codex's word.
    pub effort: Option<String>,
    /// Model where no label chooses.
    pub default_model: String,
    /// Models that a label may choose.
    pub models: Vec<String>,
}

/// Reads it; `None`: the run is not this worker's any more.
///
/// # Errors
/// The database's.
pub async fn facts(db: impl PgExecutor<'_>, lease: Lease) -> Result<Option<StartRow>> {
    sqlx::query_file_as!(StartRow, "src/runs/start.sql", lease.run.0, lease.token).fetch_optional(db).await
}

/// Settles model and effort as the labels choose them now. `false`: the run is not this worker's any more.
///
/// # Errors
/// The database's.
pub async fn choose(
    db: impl PgExecutor<'_>,
    lease: Lease,
    model: &str,
    effort: Option<&str>,
    flow: &flow::Entry,
) -> Result<bool> {
    let chosen = sqlx::query_file_scalar!(
        "src/runs/choose.sql",
        lease.run.0,
        lease.token,
        model,
        effort,
        flow.id,
        flow.kind.as_str(),
        flow.actor,
        flow.data,
        flow.canonical
    )
    .fetch_optional(db)
    .await?;
    Ok(chosen.is_some())
}
