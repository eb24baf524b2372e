//! `approvals`: what agents ask of people. Every statement that changes one moves the counters on its run's row, which is
//! what parks the run and lets it go on.

pub mod apply;
pub(crate) mod relabel;
pub mod secrets;
pub mod view;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::approvals::policy::Ruling;
use domain::approvals::replies::Open;
use domain::approvals::{Answer, ApprovalKind, ApprovalMode, ApprovalState, Asked};
use domain::ids::{RepositoryId, RunId, UserId};
use serde_json::{Value, json};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Coded, Result, flow};

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

/// Asks people; asking the same again changes nothing, and neither does asking for a run that is over or has too many
/// open requests: [`outcome`] tells.
///
/// # Errors
/// The database's.
pub async fn ask(db: impl PgExecutor<'_>, request: &Request<'_>) -> Result<()> {
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
        Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => Ok(()),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// An action as whoever decides was told of it.
#[derive(Debug, Clone, Copy)]
pub struct Meant<'a> {
    /// Of exactly what will be done.
    pub digest: &'a str,
    /// Who may approve it. They may decide because of this, so when it is another by now, they have decided nothing.
    pub mode: ApprovalMode,
}

/// What somebody decides.
#[derive(Debug, Clone, Copy)]
pub enum Decision<'a> {
    /// The answer to a question.
    Answer(&'a Answer),
    /// Leave for exactly what the digest covers.
    Approve(Meant<'a>),
    /// The same where it wants a value: that, sealed for [`secrets::value_aad`].
    ApproveWith(Meant<'a>, &'a [u8]),
    /// None for it; in these words, if there are any.
    Deny(Meant<'a>, Option<&'a str>),
}

impl Decision<'_> {
    /// What becomes of the request.
    const fn state(&self) -> ApprovalState {
        match self {
            Self::Answer(_) => ApprovalState::Answered,
            Self::Approve(_) | Self::ApproveWith(..) => ApprovalState::Approved,
            Self::Deny(..) => ApprovalState::Denied,
        }
    }

    const fn meant(&self) -> Option<Meant<'_>> {
        match self {
            Self::Answer(_) => None,
            Self::Approve(meant) | Self::ApproveWith(meant, _) | Self::Deny(meant, _) => Some(*meant),
        }
    }

    const fn value(&self) -> Option<&[u8]> {
        match self {
            Self::ApproveWith(_, sealed) => Some(*sealed),
            Self::Answer(_) | Self::Approve(_) | Self::Deny(..) => None,
        }
    }

    fn words(&self) -> Option<Value> {
        match self {
            Self::Answer(answer) => Some(json!(answer)),
            Self::Deny(_, words) => words.map(|text| json!(Answer { option: None, text: text.to_owned() })),
            Self::Approve(_) | Self::ApproveWith(..) => None,
        }
    }
}

/// Decides about an open request. `None`: it is not open any more, its digest or who may decide is another, or it wants a
/// value and there is none.
///
/// # Errors
/// The database's.
pub async fn decide(
    db: impl PgExecutor<'_>,
    id: Uuid,
    decision: &Decision<'_>,
    by: UserId,
    entry: &flow::Entry,
) -> Result<Option<RunId>> {
    settle(db, Some((id, decision, Decider::Person(by))), entry).await
}

/// The same by somebody at the other end of a channel: `request` is what that channel was asked. `None` also when nothing
/// is expected of the channel any more.
///
/// # Errors
/// The database's.
pub async fn decide_through(
    db: impl PgExecutor<'_>,
    id: Uuid,
    decision: &Decision<'_>,
    request: Uuid,
    entry: &flow::Entry,
) -> Result<Option<RunId>> {
    settle(db, Some((id, decision, Decider::Channel(request))), entry).await
}

/// Who decides.
#[derive(Debug, Clone, Copy)]
enum Decider {
    Person(UserId),
    /// Through a channel, as it was asked.
    Channel(Uuid),
}

/// Closes one request about which nobody decided in time; answers whose it was, `None` when none is due.
///
/// # Errors
/// The database's.
pub async fn expire(db: impl PgExecutor<'_>, entry: &flow::Entry) -> Result<Option<RunId>> {
    settle(db, None, entry).await
}

async fn settle(
    db: impl PgExecutor<'_>,
    decided: Option<(Uuid, &Decision<'_>, Decider)>,
    entry: &flow::Entry,
) -> Result<Option<RunId>> {
    let decision = decided.map(|(_, decision, _)| decision);
    let (person, channel) = match decided.map(|(.., by)| by) {
        Some(Decider::Person(by)) => (Some(by.0), None),
        Some(Decider::Channel(request)) => (None, Some(request)),
        None => (None, None),
    };
    let run = sqlx::query_file_scalar!(
        "src/approvals/settle.sql",
        decided.map(|(id, ..)| id),
        decision.map_or(ApprovalState::Expired, Decision::state).as_str(),
        decision.and_then(Decision::words),
        person,
        decision.and_then(Decision::meant).map(|meant| meant.digest),
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data,
        entry.canonical,
        channel,
        decision.and_then(Decision::value),
        decision.and_then(Decision::meant).map(|meant| meant.mode.as_str())
    );
    Ok(run.fetch_optional(db).await?.map(RunId))
}

/// The words of an issue or pull request changed: requests for leave to act there are about something else now. Answers
/// whose they were.
///
/// # Errors
/// The database's.
pub async fn outdate(
    db: impl PgExecutor<'_>,
    repository: RepositoryId,
    number: i64,
    entry: &flow::Entry,
) -> Result<Vec<RunId>> {
    let runs = sqlx::query_file_scalar!(
        "src/approvals/stale.sql",
        repository.0,
        number,
        entry.kind.as_str(),
        entry.actor,
        entry.data,
        entry.canonical
    );
    Ok(runs.fetch_all(db).await?.into_iter().map(RunId).collect())
}

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
