//! Asking people.

use std::time::Duration;

use domain::approvals::ApprovalKind;
use domain::approvals::policy::Ruling;
use domain::ids::RunId;
use serde_json::Value;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Result, flow};

/// A request of an agent.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The same request again has the same id.
    pub id: Uuid,
    /// Who asks.
    pub run: RunId,
    /// Its launch.
    pub launch: i32,
    /// What kind of thing it asks.
    pub kind: ApprovalKind,
    /// Of an action: who has to approve it, and the digest of what will be done. What nobody has to approve is approved at
    /// once.
    pub leave: Option<(&'a Ruling, &'a str)>,
    /// The tool that was called.
    pub tool: &'a str,
    /// What people are shown.
    pub asked: &'a Value,
    /// How long people have.
    pub patience: Duration,
    /// How many requests of a run may be open at once.
    pub most: i32,
    /// For the audit.
    pub flow: flow::Entry,
}

/// Asks people, and answers whether this is a new request; asking the same again changes nothing, and neither does asking
/// for a run that is over or has too many open requests: [`super::outcome`] tells.
///
/// # Errors
/// The database's.
pub async fn ask(db: impl PgExecutor<'_>, request: &Request<'_>) -> Result<bool> {
    let asked = sqlx::query_file!(
        "src/approvals/ask.sql",
        request.run.0,
        request.launch,
        request.id,
        request.kind.as_str(),
        request.tool,
        request.asked,
        request.patience.as_secs_f64(),
        request.most,
        request.leave.map(|(ruling, _)| ruling.mode.as_str()),
        request.leave.map(|(_, digest)| digest),
        request.flow.id,
        request.flow.kind.as_str(),
        request.flow.actor,
        request.flow.data,
        request.flow.canonical,
        request.leave.map(|(ruling, _)| Json(ruling)) as _
    );
    match asked.execute(db).await {
        // The same call came twice at once.
        Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => Ok(false),
        Ok(asked) => Ok(asked.rows_affected() > 0),
        Err(error) => Err(error),
    }
}
