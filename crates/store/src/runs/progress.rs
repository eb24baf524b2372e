//! What a worker writes about a run that it has leased. Every function quotes the lease; `false` or `None` means that
//! the run is not this worker's any more, and that it must let go.

mod ending;
mod row;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::limits::LimitOf;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Lease;
use crate::{Result, flow};

pub use ending::{Ending, HandIn, LabelMove, NewReview, finish, hand_in};
pub use row::{RunRow, load};

/// Opens a launch, or adopts the one that an earlier owner has opened; the first one sets the deadline. Answers the
/// launch's number.
///
/// # Errors
/// The database's.
pub async fn open_launch(db: impl PgExecutor<'_>, lease: Lease) -> Result<Option<i32>> {
    sqlx::query_scalar!(
        "UPDATE agent_runs
         SET launch = CASE WHEN launch_open THEN launch ELSE launch + 1 END,
             launch_open = true,
             deadline_at = COALESCE(deadline_at, app_now() + make_interval(secs => time_limit_seconds))
         WHERE id = $1 AND lease_token = $2 AND status = 'running'
         RETURNING launch",
        lease.run.0,
        lease.token
    )
    .fetch_optional(db)
    .await
}

/// Something that happened to a leased run's pod or branch, and the columns that remember it. Columns that are `None`
/// stay as they are; `started` sets the start once.
#[derive(Debug, Clone)]
pub struct Milestone {
    /// For the audit.
    pub flow: flow::Entry,
    /// UID of the namespace.
    pub namespace_uid: Option<Uuid>,
    /// UID of the current launch's Job.
    pub job_uid: Option<Uuid>,
    /// The pod runs.
    pub started: bool,
    /// Head of the branch, as GitHub has it.
    pub head_sha: Option<String>,
    /// The pull request and its page.
    pub pull: Option<(i64, String)>,
}

impl Milestone {
    /// A milestone that only leaves an audit event.
    #[must_use]
    pub const fn new(flow: flow::Entry) -> Self {
        Self { flow, namespace_uid: None, job_uid: None, started: false, head_sha: None, pull: None }
    }
}

/// Records a milestone.
///
/// # Errors
/// The database's.
pub async fn reach(db: impl PgExecutor<'_>, lease: Lease, milestone: &Milestone) -> Result<bool> {
    let Milestone { flow, namespace_uid, job_uid, started, head_sha, pull } = milestone;
    let reached = sqlx::query_file_scalar!(
        "src/runs/reach.sql",
        lease.run.0,
        lease.token,
        *namespace_uid,
        *job_uid,
        *started,
        head_sha.as_deref(),
        pull.as_ref().map(|pull| pull.0),
        pull.as_ref().map(|pull| pull.1.as_str()),
        flow.id,
        flow.kind.as_str(),
        flow.actor,
        flow.data,
        flow.canonical
    )
    .fetch_optional(db)
    .await?;
    Ok(reached.is_some())
}

/// Counts a failed launch and gives the run back to the queue, due after `wait`.
///
/// # Errors
/// The database's.
pub async fn requeue(db: impl PgExecutor<'_>, lease: Lease, wait: Duration, flow: &flow::Entry) -> Result<bool> {
    let requeued = sqlx::query_file_scalar!(
        "src/runs/requeue.sql",
        lease.run.0,
        lease.token,
        wait.as_secs_f64(),
        flow.id,
        flow.kind.as_str(),
        flow.actor,
        flow.data,
        flow.canonical
    )
    .fetch_optional(db)
    .await?;
    Ok(requeued.is_some())
}

/// Why and how long a run is parked.
#[derive(Debug, Clone)]
pub struct Parking<'a> {
    /// Whose limit.
    pub by: LimitOf,
    /// When it may go on.
    pub until: DateTime<Utc>,
    /// What was seen, for people.
    pub detail: &'a str,
    /// The launch's pod is of no more use.
    pub close_launch: bool,
    /// For the audit.
    pub flow: flow::Entry,
}

/// Parks a run until a limit passes, with its clock stopped and its lease given up. No failed launch is counted.
///
/// # Errors
/// The database's.
pub async fn park(db: impl PgExecutor<'_>, lease: Lease, parking: &Parking<'_>) -> Result<bool> {
    let Parking { by, until, detail, close_launch, flow } = parking;
    let parked = sqlx::query_file_scalar!(
        "src/runs/park.sql",
        lease.run.0,
        lease.token,
        by.as_str(),
        *detail,
        *until,
        *close_launch,
        flow.id,
        flow.kind.as_str(),
        flow.actor,
        flow.data,
        flow.canonical
    )
    .fetch_optional(db)
    .await?;
    Ok(parked.is_some())
}

/// Parks a run whose agent has asked people, with its clock stopped, or gives it back to the queue when all is answered
/// already. Its launch is over and counts as no failure.
///
/// # Errors
/// The database's.
pub async fn wait_for_people(db: impl PgExecutor<'_>, lease: Lease, entry: &flow::Entry) -> Result<bool> {
    let parked = sqlx::query_file_scalar!(
        "src/runs/wait_for_people.sql",
        lease.run.0,
        lease.token,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data,
        entry.canonical
    );
    Ok(parked.fetch_optional(db).await?.is_some())
}
