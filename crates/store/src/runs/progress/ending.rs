//! How a leased run ends, or hands its work in.

use domain::ids::RunId;
use domain::reasons::Reason;
use domain::run::RunStatus;
use domain::stages::Role;
use serde::Serialize;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::outbound::LabelChange;
use crate::runs::Lease;
use crate::{Result, flow};

/// How a run ends.
#[derive(Debug, Clone)]
pub struct Ending<'a> {
    /// One of the states that are over.
    pub status: RunStatus,
    /// Why, unless it went well.
    pub reason: Option<Reason>,
    /// What was seen, for people.
    pub detail: &'a str,
    /// The last launch failed: count it.
    pub launch_failed: bool,
    /// Labels that follow.
    pub labels: &'a [LabelMove],
    /// For the audit.
    pub flow: flow::Entry,
}

/// Labels to move on one issue or pull request.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct LabelMove {
    /// Its number.
    pub number: i64,
    /// Which.
    pub labels: LabelChange,
}

/// Ends a run: its token is refused from now on, its namespace gets its expiry, its labels are moved, and a review that
/// went well says what it found.
///
/// # Errors
/// The database's.
pub async fn finish(db: impl PgExecutor<'_>, lease: Lease, ending: &Ending<'_>) -> Result<bool> {
    let labels = serde_json::json!(ending.labels);
    let finished = sqlx::query_file_scalar!(
        "src/runs/finish.sql",
        lease.run.0,
        lease.token,
        ending.status.as_str(),
        ending.reason.map(Reason::as_str),
        ending.detail,
        ending.launch_failed,
        Uuid::now_v7(),
        labels,
        ending.flow.id,
        ending.flow.kind.as_str(),
        ending.flow.actor,
        ending.flow.data,
        ending.flow.canonical
    )
    .fetch_optional(db)
    .await?;
    Ok(finished.is_some())
}

/// Work that is in its pull request.
#[derive(Debug, Clone)]
pub struct HandIn<'a> {
    /// Labels that follow.
    pub labels: &'a [LabelMove],
    /// For the audit.
    pub flow: flow::Entry,
    /// The run in which another role looks at it before the owner is asked.
    pub review: Option<NewReview>,
}

/// A run that looks at the work of another.
#[derive(Debug, Clone)]
pub struct NewReview {
    /// The row.
    pub id: RunId,
    /// Who looks.
    pub role: Role,
    /// Its namespace.
    pub namespace: String,
    /// Audit of its start.
    pub flow: flow::Entry,
}

/// Hands a run's work in: it waits for the owner's review from now on. `false`: the lease is lost, or somebody stopped it.
///
/// # Errors
/// The database's.
pub async fn hand_in(db: impl PgExecutor<'_>, lease: Lease, work: &HandIn<'_>) -> Result<bool> {
    let review = work.review.as_ref();
    let handed_in = sqlx::query_file_scalar!(
        "src/runs/hand_in.sql",
        lease.run.0,
        lease.token,
        work.flow.id,
        work.flow.kind.as_str(),
        work.flow.actor,
        work.flow.data,
        work.flow.canonical,
        serde_json::json!(work.labels),
        review.map(|review| review.id.0),
        review.map(|review| review.role.as_str()),
        review.map(|review| review.namespace.as_str()),
        review.map(|review| review.flow.id),
        review.map(|review| &review.flow.data),
        review.map(|review| review.flow.canonical.as_slice())
    )
    .fetch_optional(db)
    .await?;
    Ok(handed_in.is_some())
}
