//! What a worker writes about a run that it has leased. Every function quotes the lease; `false` or `None` means that
//! the run is not this worker's any more, and that it must let go.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{CorrelationId, ProjectId, RepositoryId, RunId};
use domain::limits::LimitOf;
use domain::reasons::Reason;
use domain::run::{Reported, RunFacts, RunStatus};
use domain::stages::{Mode, Right, Role, Stage};
use domain::surroundings::Surroundings;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Lease;
use crate::outbound::LabelChange;
use crate::{Coded, Result, flow};

/// A leased run as one turn of the worker sees it.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Its project.
    pub project_id: ProjectId,
    /// Short name of the project.
    pub project_slug: String,
    /// Its repository.
    pub repository_id: RepositoryId,
    /// owner/name.
    pub repository: String,
    /// Sealed token of the platform's account there.
    pub token_sealed: Vec<u8>,
    /// That account's numeric id on GitHub, which counts its calls.
    pub bot_github_id: i64,
    /// Number of the issue.
    pub subject_number: i64,
    /// Title of the issue.
    pub subject_title: String,
    /// Stage.
    pub stage: Coded<Stage>,
    /// Role.
    pub role: String,
    /// What surrounds the role, by its policy of this moment.
    pub mode: Coded<Mode>,
    /// What that policy gives the run's account.
    pub rights: Vec<Coded<Right>>,
    /// Language of what people are told.
    pub locale: String,
    /// The run's branch.
    pub branch: String,
    /// Where its pull request goes.
    pub base_branch: String,
    /// Its namespace.
    pub namespace: String,
    /// UID of the namespace, once made.
    pub namespace_uid: Option<Uuid>,
    /// Ties together all that one label caused.
    pub correlation_id: CorrelationId,
    /// Where it stands.
    pub status: Coded<RunStatus>,
    /// Number of the current Job; 0 before the first.
    pub launch: i32,
    /// The current launch has not failed.
    pub launch_open: bool,
    /// Launches that failed.
    pub attempts: i32,
    /// UID of the current launch's Job, once made.
    pub job_uid: Option<Uuid>,
    /// When the run must be over.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Whether it has passed, by the database's clock.
    pub deadline_passed: bool,
    /// Time limit of the run.
    pub time_limit_seconds: i32,
    /// How long the namespace lives after the run.
    pub namespace_ttl_seconds: i32,
    /// Somebody asked for it to stop.
    pub cancel_requested: bool,
    /// The pod was seen running.
    pub started_at: Option<DateTime<Utc>>,
    /// What the runner reported of the current launch.
    pub reported_outcome: Option<String>,
    /// With a failure.
    pub reported_reason: Option<String>,
    /// With a failure.
    pub reported_detail: Option<String>,
    /// The agent's last message.
    pub last_word: Option<Value>,
    /// The model's last answer was a limit that lasts until then.
    pub model_limited_until: Option<DateTime<Utc>>,
    /// The pull request.
    pub pr_number: Option<i64>,
    /// The label that started it.
    pub trigger_label: Option<String>,
    /// The issue or pull request where that label lies.
    pub trigger_subject: Option<i64>,
    /// It looks at the work of another.
    pub is_review: bool,
    /// It answers in a discussion.
    pub is_discussion: bool,
    /// That other work still waits for the owner.
    pub reviewed_waits: bool,
    /// The project has finished work looked at before the owner is asked.
    pub pre_review: bool,
}

impl RunRow {
    /// What things of the run are named after: its stage, unless it only talks.
    #[must_use]
    pub fn named_after(&self) -> &'static str {
        if self.is_discussion { crate::discussions::NAMED } else { self.stage.0.as_str() }
    }

    /// What surrounds a launch that is put in place now.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::of(self.mode.0, self.rights.iter().map(|right| right.0))
    }

    /// The facts that [`domain::run::next_step`] decides on.
    #[must_use]
    pub fn facts(&self) -> RunFacts {
        let detail = || self.reported_detail.clone().unwrap_or_default();
        RunFacts {
            status: self.status.0,
            cancel_requested: self.cancel_requested,
            deadline_passed: self.deadline_passed,
            model_limited_until: self.model_limited_until,
            reported: match self.reported_outcome.as_deref() {
                Some("succeeded") => Reported::Success,
                Some("waiting") => Reported::Waiting,
                Some(_) => Reported::Failure {
                    reason: self
                        .reported_reason
                        .as_deref()
                        .and_then(|code| code.parse().ok())
                        .unwrap_or(Reason::AgentError),
                    detail: detail(),
                },
                None => Reported::Nothing,
            },
        }
    }
}

/// Reads a run for one turn, if the lease still holds.
///
/// # Errors
/// The database's.
pub async fn load(db: impl PgExecutor<'_>, lease: Lease) -> Result<Option<RunRow>> {
    sqlx::query_file_as!(RunRow, "src/runs/load.sql", lease.run.0, lease.token).fetch_optional(db).await
}

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
