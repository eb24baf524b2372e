//! `channel_requests` and `channel_tries`: requests on their way through channels. Triggers on `approvals` and `channels`
//! make and withdraw them; here they are asked, and what comes back is noted. An answer that decides is
//! [`crate::approvals::decide_through`]; what nobody asked is a test of the channel ([`trial`]).

pub mod trial;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::approvals::{ApprovalMode, Asked};
use domain::channels::{AskState, ChannelKind};
use domain::ids::RunId;
use domain::locale::Locale;
use domain::stages::Stage;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Coded, Result};

/// A row that is leased for one try.
#[derive(Debug, Clone, Copy)]
pub struct Leased {
    /// The request in its channel.
    pub id: Uuid,
    /// To be quoted by every later write.
    pub token: i64,
}

/// A leased request, with all that is said about it.
#[derive(Debug, Clone)]
pub struct ToAsk {
    /// The request in this channel.
    pub id: Uuid,
    /// To be quoted by every later write.
    pub lease_token: i64,
    /// Tries that failed.
    pub attempts: i32,
    /// What the channel is for.
    pub kind: Coded<ChannelKind>,
    /// Its address.
    pub url: String,
    /// In which language it is asked.
    pub locale: Coded<Locale>,
    /// How long people have there.
    pub timeout_seconds: i32,
    /// The request.
    pub request_id: Uuid,
    /// The tool that was called.
    pub tool: String,
    /// What is asked.
    pub asked: Json<Asked>,
    /// Of an action: what an approval counts for.
    pub digest: Option<String>,
    /// Of an action: who may approve it.
    pub mode: Option<Coded<ApprovalMode>>,
    /// Who asks.
    pub run_id: RunId,
    /// Its role.
    pub role: String,
    /// Its stage.
    pub stage: Coded<Stage>,
    /// Number of its issue.
    pub subject_number: i64,
    /// The title.
    pub subject_title: String,
    /// The page.
    pub subject_url: String,
    /// Its pull request.
    pub pr_number: Option<i64>,
    /// The pull request's page.
    pub pr_url: Option<String>,
    /// Login of whoever started it.
    pub started_by: String,
    /// owner/name.
    pub repository: String,
    /// The project's name.
    pub project: String,
}

impl ToAsk {
    /// What later writes quote.
    #[must_use]
    pub const fn leased(&self) -> Leased {
        Leased { id: self.id, token: self.lease_token }
    }
}

/// Leases the next request that is to be asked through a channel, and notes the try.
///
/// # Errors
/// The database's.
pub async fn claim(
    db: impl PgExecutor<'_>,
    ttl: Duration,
    correlation: Uuid,
    secret_hash: &[u8; 32],
) -> Result<Option<ToAsk>> {
    sqlx::query_file_as!(
        ToAsk,
        "src/channel_requests/claim.sql",
        ttl.as_secs_f64(),
        correlation,
        secret_hash.as_slice()
    )
    .fetch_optional(db)
    .await
}

/// The other side has taken it; it may have called back already. Nothing is expected of it after its own time and a little
/// more. Answers whether the lease held and nobody had decided.
///
/// # Errors
/// The database's.
pub async fn asked(db: impl PgExecutor<'_>, ask: Leased, patience: Duration) -> Result<bool> {
    let noted = sqlx::query!(
        "UPDATE channel_requests
         SET state = 'asked', asked_at = app_now(), answer_by = app_now() + make_interval(secs => $3), trouble = NULL,
             lease_expires_at = NULL
         WHERE id = $1 AND lease_token = $2 AND state = 'queued'",
        ask.id,
        ask.token,
        patience.as_secs_f64()
    );
    Ok(noted.execute(db).await?.rows_affected() == 1)
}

/// A try failed: again after a while, or never. Answers whether the lease held and nobody had decided.
///
/// # Errors
/// The database's.
pub async fn failed(db: impl PgExecutor<'_>, ask: Leased, trouble: &str, wait: Option<Duration>) -> Result<bool> {
    let noted = sqlx::query!(
        "UPDATE channel_requests
         SET attempts = attempts + 1, trouble = $3, lease_expires_at = NULL,
             not_before = app_now() + make_interval(secs => COALESCE($4::float8, 0)),
             state = CASE WHEN $4::float8 IS NULL THEN 'failed' ELSE state END,
             ended_at = CASE WHEN $4::float8 IS NULL THEN app_now() END
         WHERE id = $1 AND lease_token = $2 AND state = 'queued'",
        ask.id,
        ask.token,
        trouble,
        wait.map(|wait| wait.as_secs_f64())
    );
    Ok(noted.execute(db).await?.rows_affected() == 1)
}

/// What nobody answered in time in its channel is not waited for there any more; answers how many there were.
///
/// # Errors
/// The database's.
pub async fn expire(db: impl PgExecutor<'_>) -> Result<u64> {
    let expired = sqlx::query!(
        "UPDATE channel_requests SET state = 'expired', ended_at = app_now()
         WHERE id IN (SELECT id FROM channel_requests WHERE state = 'asked' AND answer_by < app_now()
                      ORDER BY answer_by LIMIT 100 FOR UPDATE SKIP LOCKED)"
    );
    Ok(expired.execute(db).await?.rows_affected())
}

/// What was asked under a secret and an id.
#[derive(Debug, Clone)]
pub struct FoundRow {
    /// The request in this channel.
    pub id: Uuid,
    /// Where it stands there.
    pub state: Coded<AskState>,
    /// The channel's name.
    pub channel: String,
    /// The request.
    pub request_id: Uuid,
    /// Who asks.
    pub run_id: RunId,
    /// What is asked.
    pub asked: Json<Asked>,
    /// Of an action: what an approval counts for.
    pub digest: Option<String>,
    /// Of an action: who may approve it.
    pub mode: Option<Coded<ApprovalMode>>,
    /// Whether the channel still speaks for those who may decide.
    pub may_decide: bool,
    /// Whether it was not asked anew since.
    pub is_newest: bool,
}

/// Finds what was asked; by the secret's hash, so that nothing can be learned from the time that it takes.
///
/// # Errors
/// The database's.
pub async fn find(
    db: impl PgExecutor<'_>,
    kind: ChannelKind,
    secret_hash: &[u8; 32],
    correlation: Uuid,
) -> Result<Option<FoundRow>> {
    sqlx::query_file_as!(FoundRow, "src/channel_requests/find.sql", secret_hash.as_slice(), correlation, kind.as_str())
        .fetch_optional(db)
        .await
}

/// Nothing that decides comes from this channel; others may still answer. Answers whether something was still expected.
///
/// # Errors
/// The database's.
pub async fn give_up(db: impl PgExecutor<'_>, id: Uuid, state: AskState, trouble: Option<&str>) -> Result<bool> {
    let given = sqlx::query!(
        "UPDATE channel_requests SET state = $2, trouble = COALESCE($3, trouble), ended_at = app_now(), lease_expires_at = NULL
         WHERE id = $1 AND state IN ('queued', 'asked')",
        id,
        state.as_str(),
        trouble
    );
    Ok(given.execute(db).await?.rows_affected() == 1)
}

/// How one channel is asked, as people see it beside the request.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct AskedThrough {
    /// The channel's name.
    pub name: String,
    /// What it is for.
    pub kind: ChannelKind,
    /// Where the request stands there.
    pub state: AskState,
    /// What went wrong.
    pub trouble: Option<String>,
    /// Since when it stands so.
    pub at: DateTime<Utc>,
}
