//! `approvals`: what agents ask of people, and what these decide. Every statement that changes one moves the counters on its
//! run's row, which is what parks the run and, by the trigger `goes_on`, lets it go on.

pub mod apply;
mod ask;
pub(crate) mod relabel;
pub mod secrets;
mod told;
pub mod view;

use domain::approvals::{Answer, ApprovalMode, ApprovalState};
use domain::ids::{RepositoryId, RunId, UserId};
use serde_json::{Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Result, flow};

pub use ask::{Request, ask};
pub use told::{OpenRow, Outcome, UntoldRow, open, outcome, repeated, tell, untold};

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
