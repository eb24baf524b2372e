//! Doing what was approved: an action is leased like a run, done, and settled once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::approvals::{ApprovalState, Asked};
use domain::ids::{RepositoryId, RunId};
use serde_json::Value;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::outbound::LabelChange;
use crate::{Result, flow};

/// A leased action that somebody approved.
#[derive(Debug, Clone)]
pub struct ToApply {
    /// The request.
    pub id: Uuid,
    /// Whose it is.
    pub run_id: RunId,
    /// What is to be done.
    pub asked: Json<Asked>,
    /// An earlier lease found that nothing had changed, and may have done some of it.
    pub begun: bool,
    /// Tries that failed.
    pub attempts: i32,
    /// To be quoted by every later write.
    pub lease_token: i64,
    /// The run's repository.
    pub repository_id: RepositoryId,
    /// The run's pull request.
    pub pr_number: Option<i64>,
}

/// Leases the next action that is to be done.
///
/// # Errors
/// The database's.
pub async fn claim(db: impl PgExecutor<'_>, worker: &str, ttl: Duration) -> Result<Option<ToApply>> {
    sqlx::query_file_as!(ToApply, "src/approvals/claim.sql", worker, ttl.as_secs_f64()).fetch_optional(db).await
}

/// What it is about is as it was: from now on it is done, and not looked at again. Answers whether the lease held.
///
/// # Errors
/// The database's.
pub async fn begin(db: impl PgExecutor<'_>, action: &ToApply) -> Result<bool> {
    let begun = sqlx::query!(
        "UPDATE approvals SET begun = true WHERE id = $1 AND lease_token = $2 AND state = 'applying'",
        action.id,
        action.lease_token
    );
    Ok(begun.execute(db).await?.rows_affected() == 1)
}

/// Not now: again at `until`. A try that `failed` counts. Answers whether the lease held.
///
/// # Errors
/// The database's.
pub async fn postpone(db: impl PgExecutor<'_>, action: &ToApply, until: DateTime<Utc>, failed: bool) -> Result<bool> {
    let noted = sqlx::query!(
        "UPDATE approvals SET not_before = $3, attempts = attempts + $4, lease_expires_at = NULL
         WHERE id = $1 AND lease_token = $2 AND state = 'applying'",
        action.id,
        action.lease_token,
        until,
        i32::from(failed)
    );
    Ok(noted.execute(db).await?.rows_affected() == 1)
}

/// What became of an approved action.
#[derive(Debug, Clone)]
pub struct Applied<'a> {
    /// `applied`, `failed`, `unknown` or `stale`.
    pub state: ApprovalState,
    /// Why it is not done.
    pub trouble: Option<&'a str>,
    /// Labels that the run has moved by it.
    pub labels: LabelChange,
    /// What came of it, as the agent is told it.
    pub result: Option<Value>,
    /// For the audit.
    pub flow: flow::Entry,
}

/// The lease's last word about an action; the run goes on when it waits for nothing else. Answers whether the lease held.
///
/// # Errors
/// The database's.
pub async fn settle(db: impl PgExecutor<'_>, action: &ToApply, applied: &Applied<'_>) -> Result<bool> {
    let Applied { state, trouble, labels, result, flow } = applied;
    let run = sqlx::query_file_scalar!(
        "src/approvals/applied.sql",
        action.id,
        action.lease_token,
        state.as_str(),
        *trouble,
        &labels.on,
        &labels.off,
        flow.id,
        flow.kind.as_str(),
        flow.actor,
        flow.data,
        flow.canonical,
        result.as_ref()
    );
    Ok(run.fetch_optional(db).await?.is_some())
}
