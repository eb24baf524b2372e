//! What the run's own pod reports, under its token: everything here is the agent's claim.

use chrono::{DateTime, Utc};
use domain::approvals::policy::ToolModes;
use domain::ids::{ProjectId, RepositoryId, RunId};
use domain::stages::{Mode, Right, Stage};
use domain::surroundings::Surroundings;
use domain::tools::Holder;
use serde_json::Value;
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::{Coded, Result, flow};

/// What the prompt is made from.
#[derive(Debug, Clone)]
pub struct ContextRow {
    /// The current launch.
    pub launch: i32,
    /// Project.
    pub project_id: ProjectId,
    /// owner/name.
    pub repository: String,
    /// Number of the issue.
    pub subject_number: i64,
    /// Title of the issue.
    pub subject_title: String,
    /// Text of the issue, as the event carried it.
    pub subject_body: String,
    /// Page of the issue.
    pub subject_url: String,
    /// Who put the label on.
    pub started_by_login: String,
    /// Stage.
    pub stage: Coded<Stage>,
    /// Role.
    pub role: String,
    /// Language.
    pub locale: String,
    /// Model.
    pub model: String,
    /// Reasoning effort.
    pub effort: Option<String>,
    /// The only branch it may push.
    pub branch: String,
    /// Where its pull request goes.
    pub base_branch: String,
    /// The prompt that an earlier launch got.
    pub prompt: Option<String>,
    /// Hash of it.
    pub prompt_sha256: Option<String>,
    /// Login of the platform's account.
    pub bot_login: String,
    /// Numeric id of the platform's account.
    pub bot_github_id: i64,
    /// Position of the last event stored so far.
    pub last_position: i64,
    /// It looks at the work of another run, or of a person.
    pub is_review: bool,
    /// It answers in a discussion.
    pub is_discussion: bool,
    /// It goes on in the session of the run before it, where that was kept.
    pub goes_on: bool,
    /// It does the work of an earlier run once more, which began at this time.
    pub revises_since: Option<DateTime<Utc>>,
    /// The pull request, where there is one already.
    pub pr_number: Option<i64>,
    /// The page of it.
    pub pr_url: Option<String>,
    /// The repository, and its token sealed for [`crate::repositories::token_aad`].
    pub repository_id: RepositoryId,
    /// Sealed.
    pub token_sealed: Vec<u8>,
    /// Its decoy, sealed for [`super::trip::decoy_aad`]; `None` before a pod has shown its first token.
    pub decoy_sealed: Option<Vec<u8>>,
    /// Labels that its agent has put on.
    pub labels_set: Vec<String>,
    /// Labels that the project lets its agents move.
    pub agent_labels: Vec<String>,
    /// Its namespace.
    pub namespace: String,
    /// What surrounds the role, by its policy of this moment.
    pub mode: Coded<Mode>,
    /// What that policy gives the run's account.
    pub rights: Vec<Coded<Right>>,
    /// Tools that it takes away, by their names.
    pub tools_off: Vec<String>,
    /// Whom it has asked for tools that ask for leave.
    pub tool_modes: Json<ToolModes>,
    /// Whom the project's policy has asked.
    pub project_tool_modes: Json<ToolModes>,
}

impl ContextRow {
    /// What the agent may look at. A run whose agent is gone gets the least, and so does one that only talks.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::of(self.mode.0, self.rights.iter().map(|right| right.0))
    }

    /// What decides which tools the run's agent has.
    #[must_use]
    pub fn holder(&self) -> Holder {
        let off = self.tools_off.iter().filter_map(|name| name.parse().ok()).collect();
        let works_on = (!self.is_review && !self.is_discussion).then_some(self.stage.0);
        Holder { in_discussion: self.is_discussion, works_on, surroundings: self.surroundings(), off }
    }
}

/// Reads what the prompt of a run is made from.
///
/// # Errors
/// The database's.
pub async fn context(db: impl PgExecutor<'_>, run: RunId) -> Result<Option<ContextRow>> {
    sqlx::query_as!(
        ContextRow,
        r#"SELECT a.launch, a.project_id, r.full_name AS repository, a.subject_number, a.subject_title, a.subject_body, a.subject_url,
                  a.started_by_login, a.stage AS "stage: Coded<Stage>", a.role, a.locale, a.model, a.effort, a.branch, a.base_branch, a.prompt,
                  a.prompt_sha256, r.bot_login, r.bot_github_id,
                  COALESCE((SELECT max(e.position) FROM run_events AS e WHERE e.run_id = a.id), 0) AS "last_position!",
                  a.kind = 'review' AS "is_review!", a.kind = 'discussion' AS "is_discussion!", a.resumes IS NOT NULL AS "goes_on!",
                  CASE WHEN a.revises THEN earlier.queued_at END AS revises_since,
                  a.pr_number, a.pr_url, a.repository_id, r.token_sealed, a.decoy_sealed, a.labels_set, p.agent_labels,
                  a.namespace,
                  CASE WHEN a.kind = 'discussion' THEN 'code_only' ELSE COALESCE(policy.mode, 'code_only') END AS "mode!: Coded<Mode>",
                  CASE WHEN a.kind = 'discussion' THEN '{}' ELSE COALESCE(policy.rights, '{}') END AS "rights!: Vec<Coded<Right>>",
                  COALESCE(policy.tools_off, '{}') AS "tools_off!", COALESCE(policy.tool_modes, '{}') AS "tool_modes!: Json<ToolModes>",
                  p.tool_modes AS "project_tool_modes: Json<ToolModes>"
           FROM agent_runs AS a
           JOIN repositories AS r ON r.id = a.repository_id
           JOIN projects AS p ON p.id = a.project_id
           LEFT JOIN agent_runs AS earlier ON earlier.id = a.resumes
           LEFT JOIN LATERAL agent_policy(a.project_id, a.role) AS policy ON true
           WHERE a.id = $1"#,
        run.0
    )
    .fetch_optional(db)
    .await
}

/// What a runner is told when it says that it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orders {
    /// Save and end.
    pub stop: bool,
    /// People were asked for something that the agent does not know yet.
    pub waits: bool,
}

/// The runner is alive.
///
/// # Errors
/// The database's.
pub async fn beat(
    db: impl PgExecutor<'_>,
    run: RunId,
    launch: i32,
    phase: &str,
    last_words: Option<&str>,
) -> Result<Orders> {
    let orders = sqlx::query_as!(
        Orders,
        r#"UPDATE agent_runs
           SET phase = $3, last_beat_at = app_now(), last_words = COALESCE($4, last_words),
               changed_at = CASE WHEN (phase, last_words) IS DISTINCT FROM ($3, COALESCE($4, last_words))
                                 THEN app_now() ELSE changed_at END,
               version = version + CASE WHEN (phase, last_words) IS DISTINCT FROM ($3, COALESCE($4, last_words))
                                        THEN 1 ELSE 0 END
           WHERE id = $1 AND launch = $2
           RETURNING (cancel_requested_at IS NOT NULL OR deadline_at <= app_now() OR status <> 'running') AS "stop!",
                     requests_untold > 0 AS "waits!""#,
        run.0,
        launch,
        phase,
        last_words
    )
    .fetch_optional(db)
    .await?;
    Ok(orders.unwrap_or(Orders { stop: true, waits: false }))
}

/// What the agent says through a tool that it is doing; `flow` is the call. Answers whether the launch is still running.
///
/// # Errors
/// The database's.
pub async fn status(db: impl PgExecutor<'_>, run: RunId, launch: i32, words: &str, flow: &flow::Entry) -> Result<bool> {
    let said = sqlx::query_file!(
        "src/runs/say_status.sql",
        run.0,
        launch,
        words,
        flow.id,
        flow.kind.as_str(),
        flow.actor,
        flow.data,
        flow.canonical
    );
    Ok(said.execute(db).await?.rows_affected() == 1)
}

/// The runner's last word about a launch.
#[derive(Debug, Clone)]
pub struct LaunchResult<'a> {
    /// `succeeded` or `failed`.
    pub outcome: &'a str,
    /// With a failure.
    pub reason: Option<&'a str>,
    /// With a failure.
    pub detail: Option<&'a str>,
    /// The agent's last message.
    pub last_word: Option<&'a Value>,
    /// For the audit.
    pub flow: flow::Entry,
}

/// Records the result of a launch; the first one counts.
///
/// # Errors
/// The database's.
pub async fn result(db: impl PgExecutor<'_>, run: RunId, launch: i32, result: &LaunchResult<'_>) -> Result<()> {
    sqlx::query_file!(
        "src/runs/result.sql",
        run.0,
        launch,
        result.outcome,
        result.reason,
        result.detail,
        result.last_word,
        result.flow.id,
        result.flow.kind.as_str(),
        result.flow.actor,
        result.flow.data,
        result.flow.canonical
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The repository of a run whose current launch this is; `None` when it is not, or when the run does not run any more.
///
/// # Errors
/// The database's.
pub async fn repository(db: impl PgExecutor<'_>, run: RunId, launch: i32) -> Result<Option<RepositoryId>> {
    let id = sqlx::query_scalar!(
        "SELECT repository_id FROM agent_runs WHERE id = $1 AND launch = $2 AND status = 'running'",
        run.0,
        launch
    )
    .fetch_optional(db)
    .await?;
    Ok(id.map(RepositoryId))
}
