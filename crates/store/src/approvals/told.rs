//! What has become of requests, for whoever waits for that and for the agents that are told.

use chrono::{DateTime, Utc};
use domain::approvals::replies::Open;
use domain::approvals::{Answer, ApprovalState, Asked};
use domain::ids::RunId;
use serde_json::Value;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Coded, Result};

/// A request that waits for people.
#[derive(Debug, Clone)]
pub struct OpenRow {
    /// The request.
    pub id: Uuid,
    /// Its number among what the run has asked.
    pub number: i32,
    /// What is asked.
    pub asked: Json<Asked>,
    /// Who started the run.
    pub started_by: Option<Uuid>,
}

impl OpenRow {
    /// The question, if it is one.
    #[must_use]
    pub fn question(self) -> Option<Open> {
        match self.asked.0 {
            Asked::Question(question) => Some(Open { id: self.id, number: self.number, question }),
            Asked::Action(_) => None,
        }
    }
}

/// What a run waits to be told, by its numbers.
///
/// # Errors
/// The database's.
pub async fn open(db: impl PgExecutor<'_>, run: RunId) -> Result<Vec<OpenRow>> {
    sqlx::query_as!(
        OpenRow,
        r#"SELECT p.id, p.number, p.asked AS "asked: Json<Asked>", a.started_by
           FROM approvals AS p JOIN agent_runs AS a ON a.id = p.run_id
           WHERE p.run_id = $1 AND p.state = 'requested' AND p.expires_at > app_now() ORDER BY p.number"#,
        run.0
    )
    .fetch_all(db)
    .await
}

/// A request whose outcome the agent does not know yet.
#[derive(Debug, Clone)]
pub struct UntoldRow {
    /// The request.
    pub id: Uuid,
    /// What was asked.
    pub asked: Json<Asked>,
    /// What became of it.
    pub state: Coded<ApprovalState>,
    /// The answer, or the words with which it was denied.
    pub answer: Option<Json<Answer>>,
    /// Login of whoever decided.
    pub decided_by: Option<String>,
    /// Name of the channel that the decision came by.
    pub decided_through: Option<String>,
    /// Why it is not done.
    pub outcome: Option<String>,
    /// What came of it.
    pub result: Option<Value>,
}

/// What the session of a run does not know yet, in the order in which it was asked.
///
/// # Errors
/// The database's.
pub async fn untold(db: impl PgExecutor<'_>, run: RunId) -> Result<Vec<UntoldRow>> {
    sqlx::query_file_as!(UntoldRow, "src/approvals/untold.sql", run.0).fetch_all(db).await
}

/// How often a launch has asked leave for the same already and was told an end after which the same may be asked anew.
///
/// # Errors
/// The database's.
pub async fn repeated(db: impl PgExecutor<'_>, (run, launch): (RunId, i32), tool: &str, digest: &str) -> Result<i64> {
    let ends: Vec<_> =
        ApprovalState::ALL.iter().filter(|state| state.may_be_asked_anew()).map(|state| state.as_str()).collect();
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM approvals
           WHERE run_id = $1 AND launch = $2 AND tool = $3 AND digest = $4 AND told_launch IS NOT NULL AND state = ANY ($5)"#,
        run.0,
        launch,
        tool,
        digest,
        &ends as _
    )
    .fetch_one(db)
    .await
}

/// A launch tells its agent what became of these requests.
///
/// # Errors
/// The database's.
pub async fn tell(db: impl PgExecutor<'_>, run: RunId, launch: i32, requests: &[Uuid]) -> Result<()> {
    sqlx::query_file!("src/approvals/tell.sql", run.0, launch, requests).execute(db).await?;
    Ok(())
}

/// What has become of a request so far.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Where it stands.
    pub state: Coded<ApprovalState>,
    /// The answer, or the words with which it was denied.
    pub answer: Option<Json<Answer>>,
    /// Login of whoever decided, or the name of the channel that the decision came by.
    pub decided_by: Option<String>,
    /// Why it is not done.
    pub outcome: Option<String>,
    /// What came of it.
    pub result: Option<Value>,
    /// Until when people have.
    pub expires_at: DateTime<Utc>,
}

/// What has become of a request; `None` when it was never made.
///
/// # Errors
/// The database's.
pub async fn outcome(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Outcome>> {
    sqlx::query_as!(
        Outcome,
        r#"SELECT p.state AS "state: Coded<ApprovalState>", p.answer AS "answer: Json<Answer>", COALESCE(u.login, c.name) AS "decided_by?",
                  p.outcome, p.result, p.expires_at
           FROM approvals AS p
           LEFT JOIN users AS u ON u.id = p.decided_by
           LEFT JOIN channels AS c ON c.id = p.decided_through
           WHERE p.id = $1"#,
        id
    )
    .fetch_optional(db)
    .await
}
