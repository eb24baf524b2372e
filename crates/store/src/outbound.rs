//! `outbound_actions`: comments and labels that must reach GitHub. A row is leased like a run; an outcome that is not
//! known is looked up before the call is repeated.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{RepositoryId, RunId};
use domain::limits::Allowance;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Result, flow};

/// What a `labels` action wants: its payload.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct LabelChange {
    /// Labels to take off.
    pub off: Vec<String>,
    /// Labels to put on.
    pub on: Vec<String>,
}

impl LabelChange {
    /// A change among the platform's own labels.
    #[must_use]
    pub fn of(off: &[&str], on: &[&str]) -> Self {
        let owned = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect();
        Self { off: owned(off), on: owned(on) }
    }
}

/// A leased action.
#[derive(Debug, Clone)]
pub struct ActionRow {
    /// The row.
    pub id: Uuid,
    /// `service_comment`, `refusal_comment`, `review_comment`, `answer_comment`, `agent_comment`, `reaction` or `labels`.
    pub kind: String,
    /// Where.
    pub repository_id: RepositoryId,
    /// The issue.
    pub subject_number: i64,
    /// The run that wants it.
    pub run_id: Option<Uuid>,
    /// What is wanted.
    pub payload: Value,
    /// Which wish this is; a newer one may come while it is being delivered.
    pub wanted_version: i64,
    /// Deliveries that failed.
    pub attempts: i32,
    /// To be quoted by every later write.
    pub lease_token: i64,
    /// The comment's id on GitHub, once known.
    pub external_id: Option<i64>,
}

impl ActionRow {
    /// The run that wants it.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        self.run_id.map(RunId)
    }
}

/// Wishes for labels of an issue or pull request; the same `key` again changes nothing.
///
/// # Errors
/// The database's.
pub(crate) async fn want_labels(
    db: impl PgExecutor<'_>,
    repository: RepositoryId,
    subject: i64,
    key: &str,
    change: &LabelChange,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO outbound_actions (id, kind, repository_id, subject_number, dedupe_key, payload)
         VALUES ($1, 'labels', $2, $3, $4, $5) ON CONFLICT (dedupe_key) DO NOTHING",
        Uuid::now_v7(),
        repository.0,
        subject,
        key,
        json!(change)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Wishes for a reaction to a comment, once.
///
/// # Errors
/// The database's.
pub(crate) async fn want_reaction(
    db: impl PgExecutor<'_>,
    repository: RepositoryId,
    subject: i64,
    comment: i64,
    content: &str,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO outbound_actions (id, kind, repository_id, subject_number, dedupe_key, payload)
         VALUES ($1, 'reaction', $2, $3, $4, $5) ON CONFLICT (dedupe_key) DO NOTHING",
        Uuid::now_v7(),
        repository.0,
        subject,
        format!("comment:{repository}:{comment}:{content}"),
        json!({ "comment": comment, "content": content })
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A comment that an agent wants to make.
#[derive(Debug, Clone)]
pub struct Said<'a> {
    /// The run.
    pub run: RunId,
    /// Its launch.
    pub launch: i32,
    /// Issue or pull request.
    pub subject: i64,
    /// Markdown.
    pub body: &'a str,
    /// The call, for the audit.
    pub flow: flow::Entry,
}

/// Wishes for a comment in an agent's words; the same words on the same subject are one comment, however often they are
/// said. Answers whether the launch is still running.
///
/// # Errors
/// The database's.
pub async fn say(db: impl PgExecutor<'_>, said: &Said<'_>) -> Result<bool> {
    let words = Uuid::new_v5(&said.run.0, format!("{}:{}", said.subject, said.body).as_bytes());
    let noted = sqlx::query_file!(
        "src/outbound/say.sql",
        said.run.0,
        said.launch,
        Uuid::now_v7(),
        said.subject,
        format!("run:{}:said:{words}", said.run),
        json!({ "body": said.body }),
        said.flow.id,
        said.flow.kind.as_str(),
        said.flow.actor,
        said.flow.data,
        said.flow.canonical
    );
    Ok(noted.execute(db).await?.rows_affected() == 1)
}

/// Labels that an agent moves by itself.
#[derive(Debug, Clone)]
pub struct Moved<'a> {
    /// The run.
    pub run: RunId,
    /// Its launch.
    pub launch: i32,
    /// Issue or pull request.
    pub subject: i64,
    /// Which.
    pub change: &'a LabelChange,
    /// The call, for the audit.
    pub flow: flow::Entry,
}

/// Wishes for labels that an agent moves. Answers whether the launch is still running.
///
/// # Errors
/// The database's.
pub async fn move_labels(db: impl PgExecutor<'_>, moved: &Moved<'_>) -> Result<bool> {
    let noted = sqlx::query_file!(
        "src/outbound/move_labels.sql",
        moved.run.0,
        moved.launch,
        Uuid::now_v7(),
        moved.subject,
        json!(moved.change),
        &moved.change.on,
        &moved.change.off,
        moved.flow.id,
        moved.flow.kind.as_str(),
        moved.flow.actor,
        moved.flow.data,
        moved.flow.canonical
    );
    Ok(noted.execute(db).await?.rows_affected() == 1)
}

/// Leases the next action that is due. Actions of one issue are delivered in the order in which they were wanted.
///
/// # Errors
/// The database's.
pub async fn claim(db: impl PgExecutor<'_>, worker: &str, ttl: Duration) -> Result<Option<ActionRow>> {
    sqlx::query_file_as!(ActionRow, "src/outbound/claim.sql", worker, ttl.as_secs_f64()).fetch_optional(db).await
}

/// The wish is true on GitHub now. If a newer one came meanwhile, the row stays pending. Answers whether the lease held.
///
/// # Errors
/// The database's.
pub async fn delivered(db: impl PgExecutor<'_>, action: &ActionRow, external_id: Option<i64>) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE outbound_actions
         SET state = CASE WHEN wanted_version = $3 THEN 'done' ELSE 'pending' END,
             done_at = app_now(), external_id = COALESCE($4, external_id), lease_expires_at = NULL, last_error = NULL,
             attempts = 0
         WHERE id = $1 AND lease_token = $2",
        action.id,
        action.lease_token,
        action.wanted_version,
        external_id
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The call failed: try again after `wait`, or give up for good. Answers whether the lease held.
///
/// # Errors
/// The database's.
pub async fn failed(db: impl PgExecutor<'_>, action: &ActionRow, error: &str, wait: Option<Duration>) -> Result<bool> {
    let noted = sqlx::query!(
        "UPDATE outbound_actions
         SET state = CASE WHEN $4::float8 IS NULL THEN 'failed' ELSE 'pending' END,
             not_before = app_now() + make_interval(secs => COALESCE($4, 0)),
             attempts = attempts + 1, last_error = $3, lease_expires_at = NULL
         WHERE id = $1 AND lease_token = $2",
        action.id,
        action.lease_token,
        error,
        wait.map(|wait| wait.as_secs_f64())
    )
    .execute(db)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// GitHub is not to be called before `until`: the wish waits, and nothing is counted. Answers whether the lease held.
///
/// # Errors
/// The database's.
pub async fn postpone(
    db: impl PgExecutor<'_>,
    action: &ActionRow,
    until: DateTime<Utc>,
    why: Option<&str>,
) -> Result<bool> {
    let noted = sqlx::query!(
        "UPDATE outbound_actions SET not_before = $3, last_error = COALESCE($4, last_error), lease_expires_at = NULL
         WHERE id = $1 AND lease_token = $2",
        action.id,
        action.lease_token,
        until,
        why
    )
    .execute(db)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Asks for leave to write on GitHub as `account`, so many calls: `None`, and they are noted, or when to ask again.
///
/// # Errors
/// The database's.
pub async fn spend(
    db: impl PgExecutor<'_>,
    account: i64,
    writes: i32,
    allowance: Allowance,
) -> Result<Option<DateTime<Utc>>> {
    let Allowance { minute, hour } = allowance;
    sqlx::query_file_scalar!("src/outbound/spend.sql", account, writes, minute, hour).fetch_one(db).await
}

/// Forgets writes that count no more.
///
/// # Errors
/// The database's.
pub async fn forget_writes(db: impl PgExecutor<'_>) -> Result<()> {
    sqlx::query!("DELETE FROM forge_writes WHERE at < app_now() - interval '1 hour'").execute(db).await?;
    Ok(())
}
