//! `integration_requests`: what systems of others ask, what people decide, and whether the other side knows.

pub mod telling;
pub mod view;

use std::time::Duration;

use domain::approvals::Answer;
use domain::ids::UserId;
use domain::integrations::{OutsideKind, OutsideState, TellState};
use serde_json::{Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::integrations::Asker;
use crate::{Coded, Result, flow};

/// Where the address that a request is answered at is sealed for.
#[must_use]
pub fn callback_aad(request: Uuid) -> String {
    format!("integration_requests/{request}/callback_sealed")
}

/// A request of a system of others.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The row.
    pub id: Uuid,
    /// Who asks.
    pub asker: &'a Asker,
    /// What kind of thing.
    pub kind: OutsideKind,
    /// The other side's own id.
    pub correlation_id: &'a str,
    /// Of the body that was sent.
    pub digest: &'a [u8; 32],
    /// What people are shown.
    pub asked: &'a Value,
    /// Where it is answered, sealed for [`callback_aad`].
    pub callback_sealed: &'a [u8],
    /// How long people have.
    pub patience: Duration,
    /// About how many of its requests may be open at once.
    pub most: i64,
}

/// Asks people. Answers whether it is new: not when the integration has asked something under this id, when too much of it is
/// open, or when it was withdrawn.
///
/// # Errors
/// The database's.
pub async fn ask(db: impl PgExecutor<'_>, request: &Request<'_>, entry: &flow::Entry) -> Result<bool> {
    let asked = sqlx::query_file!(
        "src/integration_requests/ask.sql",
        request.id,
        request.asker.id,
        request.kind.as_str(),
        request.correlation_id,
        request.digest.as_slice(),
        request.asked,
        request.callback_sealed,
        request.patience.as_secs_f64(),
        request.most,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    );
    Ok(asked.execute(db).await?.rows_affected() == 1)
}

/// What an integration has asked under an id before.
#[derive(Debug, Clone)]
pub struct Before {
    /// The request.
    pub id: Uuid,
    /// Of the body that was sent.
    pub digest: Vec<u8>,
    /// Whether the other side knows what became of it; `None`: nobody has decided.
    pub telling: Option<Coded<TellState>>,
}

/// What an integration has asked under an id; `None`: nothing.
///
/// # Errors
/// The database's.
pub async fn asked_before(
    db: impl PgExecutor<'_>,
    asker: &Asker,
    kind: OutsideKind,
    correlation_id: &str,
) -> Result<Option<Before>> {
    sqlx::query_as!(
        Before,
        r#"SELECT id, digest, telling AS "telling: Coded<TellState>" FROM integration_requests
           WHERE integration_id = $1 AND kind = $2 AND correlation_id = $3"#,
        asker.id,
        kind.as_str(),
        correlation_id
    )
    .fetch_optional(db)
    .await
}

/// Who was not to be told what became of its request asks once more, and now waits: it is told anew, while the request would
/// still be open. Answers whether it is.
///
/// # Errors
/// The database's.
pub async fn tell_again(db: impl PgExecutor<'_>, id: Uuid) -> Result<bool> {
    let again = sqlx::query!(
        "UPDATE integration_requests
         SET telling = 'queued', attempts = 0, trouble = NULL, not_before = app_now(), changed_at = app_now()
         WHERE id = $1 AND telling = 'failed' AND expires_at > app_now()",
        id
    );
    Ok(again.execute(db).await?.rows_affected() == 1)
}

/// What somebody decides.
#[derive(Debug, Clone, Copy)]
pub enum Decision<'a> {
    /// It may be done.
    Approve,
    /// It may not; in these words, if there are any.
    Deny(Option<&'a str>),
    /// The answer to the question.
    Answer(&'a Answer),
}

impl Decision<'_> {
    /// What becomes of the request.
    #[must_use]
    pub const fn state(&self) -> OutsideState {
        match self {
            Self::Approve => OutsideState::Approved,
            Self::Deny(_) => OutsideState::Denied,
            Self::Answer(_) => OutsideState::Answered,
        }
    }

    fn words(&self) -> Option<Value> {
        match self {
            Self::Approve => None,
            Self::Deny(words) => words.map(|text| json!(Answer { option: None, text: text.to_owned() })),
            Self::Answer(answer) => Some(json!(answer)),
        }
    }
}

/// Decides about an open request, and has the other side told. Answers whether it was open.
///
/// # Errors
/// The database's; also when a question is approved or the other way round.
pub async fn decide(
    db: impl PgExecutor<'_>,
    id: Uuid,
    decision: &Decision<'_>,
    by: UserId,
    entry: &flow::Entry,
) -> Result<bool> {
    let decided = sqlx::query_file!(
        "src/integration_requests/decide.sql",
        id,
        decision.state().as_str(),
        decision.words(),
        by.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    );
    Ok(decided.execute(db).await?.rows_affected() == 1)
}

/// Closes one request about which nobody decided in time, or whose integration was withdrawn, and has the other side told.
/// Answers which; `None`: none is due.
///
/// # Errors
/// The database's.
pub async fn expire(db: impl PgExecutor<'_>, entry: &flow::Entry) -> Result<Option<Uuid>> {
    let expired = sqlx::query_file_scalar!(
        "src/integration_requests/expire.sql",
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    );
    expired.fetch_optional(db).await
}
