//! A leased run, as it is read for one turn.

use chrono::{DateTime, Utc};
use domain::ids::{CorrelationId, ProjectId, RepositoryId, RunId};
use domain::reasons::Reason;
use domain::run::{Reported, RunFacts, RunStatus};
use domain::stages::{Mode, Right, Stage};
use domain::surroundings::Surroundings;
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::runs::Lease;
use crate::{Coded, Result};

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
