//! Tests of channels: requests that nobody asked, one open at a time in a channel. What comes back decides nothing.

use std::time::Duration;

use domain::channels::ChannelKind;
use domain::channels::trial::{LONGEST_TRIAL, TrialAnswer};
use domain::ids::{ProjectId, UserId};
use domain::locale::Locale;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::Leased;
use crate::{Coded, Result, flow};

/// Has a channel tried; answers whether it is there and no test of it is open.
///
/// # Errors
/// The database's.
pub async fn begin(db: impl PgExecutor<'_>, channel: Uuid, by: UserId, entry: &flow::Entry) -> Result<bool> {
    let begun = sqlx::query_file!(
        "src/channel_requests/begin_trial.sql",
        channel,
        by.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    );
    Ok(begun.execute(db).await?.rows_affected() == 1)
}

/// A leased test.
#[derive(Debug, Clone)]
pub struct ToTry {
    /// The row.
    pub id: Uuid,
    /// To be quoted by every later write.
    pub lease_token: i64,
    /// What the channel is for.
    pub kind: Coded<ChannelKind>,
    /// Its address.
    pub url: String,
    /// In which language it is asked.
    pub locale: Coded<Locale>,
    /// How long people have there.
    pub timeout_seconds: i32,
    /// Its project.
    pub project_id: ProjectId,
    /// The project's name.
    pub project: String,
    /// Login of whoever has it tried.
    pub by: String,
}

impl ToTry {
    /// What later writes quote.
    #[must_use]
    pub const fn leased(&self) -> Leased {
        Leased { id: self.id, token: self.lease_token }
    }
}

/// Leases the next test that is to be sent, and notes the try.
///
/// # Errors
/// The database's.
pub async fn claim(
    db: impl PgExecutor<'_>,
    ttl: Duration,
    correlation: Uuid,
    secret_hash: &[u8; 32],
) -> Result<Option<ToTry>> {
    sqlx::query_file_as!(
        ToTry,
        "src/channel_requests/claim_trial.sql",
        ttl.as_secs_f64(),
        correlation,
        secret_hash.as_slice(),
        LONGEST_TRIAL
    )
    .fetch_optional(db)
    .await
}

/// A test that was sent under a secret and an id.
#[derive(Debug, Clone)]
pub struct TriedRow {
    /// The row.
    pub id: Uuid,
    /// In which language it was asked.
    pub locale: Coded<Locale>,
}

/// Finds a test; by the secret's hash, so that nothing can be learned from the time that it takes.
///
/// # Errors
/// The database's.
pub async fn find(
    db: impl PgExecutor<'_>,
    kind: ChannelKind,
    secret_hash: &[u8; 32],
    correlation: Uuid,
) -> Result<Option<TriedRow>> {
    sqlx::query_as!(
        TriedRow,
        r#"SELECT q.id, c.locale AS "locale: Coded<Locale>"
           FROM channel_tries AS try
           JOIN channel_requests AS q ON q.id = try.channel_request_id
           JOIN channels AS c ON c.id = q.channel_id
           WHERE try.secret_hash = $1 AND try.id = $2 AND c.kind = $3 AND q.request_id IS NULL"#,
        secret_hash.as_slice(),
        correlation,
        kind.as_str()
    )
    .fetch_optional(db)
    .await
}

/// Somebody has answered a test; answers whether that was still expected.
///
/// # Errors
/// The database's.
pub async fn answered(db: impl PgExecutor<'_>, id: Uuid, answer: &TrialAnswer) -> Result<bool> {
    let noted = sqlx::query!(
        "UPDATE channel_requests
         SET state = 'answered', answer = $2, trouble = NULL, ended_at = app_now(), lease_expires_at = NULL
         WHERE id = $1 AND request_id IS NULL AND state IN ('queued', 'asked')",
        id,
        Json(answer) as _
    );
    Ok(noted.execute(db).await?.rows_affected() == 1)
}
