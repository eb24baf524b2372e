//! Requests whose end the other side does not know yet, each leased for one try to call it back.

use std::time::Duration;

use domain::approvals::Answer;
use domain::integrations::asking::Asked;
use domain::integrations::{OutsideState, TellState};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Coded, Result};

/// A leased request, with what is to be told.
#[derive(Debug, Clone)]
pub struct ToTell {
    /// The request.
    pub id: Uuid,
    /// To be quoted by every later write.
    pub lease_token: i64,
    /// Tries that failed.
    pub attempts: i32,
    /// The answer to an earlier try was lost, or that try itself.
    pub answer_lost: bool,
    /// The other side's own id.
    pub correlation_id: String,
    /// What was asked.
    pub asked: Json<Asked>,
    /// Where to call, sealed for [`super::callback_aad`].
    pub callback_sealed: Vec<u8>,
    /// What became of it.
    pub state: Coded<OutsideState>,
    /// The answer, or the words with which it was denied.
    pub answer: Option<Json<Answer>>,
}

/// Leases the next request whose other side is to be told.
///
/// # Errors
/// The database's.
pub async fn claim(db: impl PgExecutor<'_>, ttl: Duration) -> Result<Option<ToTell>> {
    sqlx::query_file_as!(ToTell, "src/integration_requests/claim.sql", ttl.as_secs_f64()).fetch_optional(db).await
}

/// The other side knows. Answers whether the lease held.
///
/// # Errors
/// The database's.
pub async fn told(db: impl PgExecutor<'_>, tell: &ToTell) -> Result<bool> {
    let noted = sqlx::query!(
        "UPDATE integration_requests
         SET telling = 'told', trouble = NULL, lease_expires_at = NULL, changed_at = app_now()
         WHERE id = $1 AND lease_token = $2 AND telling = 'queued'",
        tell.id,
        tell.lease_token
    );
    Ok(noted.execute(db).await?.rows_affected() == 1)
}

/// What follows a try that did not tell it.
#[derive(Debug, Clone, Copy)]
pub enum Next {
    /// Another try after a while; whether the answer to this one was lost.
    Again(Duration, bool),
    /// None.
    Over(TellState),
}

/// A try failed. Answers whether the lease held.
///
/// # Errors
/// The database's.
pub async fn failed(db: impl PgExecutor<'_>, tell: &ToTell, trouble: &str, next: Next) -> Result<bool> {
    let (wait, lost, state) = match next {
        Next::Again(wait, lost) => (wait, lost, TellState::Queued),
        Next::Over(state) => (Duration::ZERO, false, state),
    };
    let noted = sqlx::query!(
        "UPDATE integration_requests
         SET attempts = attempts + 1, trouble = $3, lease_expires_at = NULL, changed_at = app_now(),
             not_before = app_now() + make_interval(secs => $4), answer_lost = answer_lost OR $5, telling = $6
         WHERE id = $1 AND lease_token = $2 AND telling = 'queued'",
        tell.id,
        tell.lease_token,
        trouble,
        wait.as_secs_f64(),
        lost,
        state.as_str()
    );
    Ok(noted.execute(db).await?.rows_affected() == 1)
}
