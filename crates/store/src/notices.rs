//! `notices` and `notifications`: what people are told. A notice is raised by triggers on runs and requests, in whichever
//! statement moves them, or by an agent; who is told of it follows in the same statement.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::approvals::{ApprovalMode, Asked};
use domain::ids::{ProjectId, RunId, UserId};
use domain::integrations::asking;
use domain::notices::NoticeKind;
use domain::stages::Stage;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Coded, Cursor, Result, Viewer, flow};

/// What an agent tells people of its own accord.
#[derive(Debug, Clone)]
pub struct Said<'a> {
    /// The same words again have the same id.
    pub id: Uuid,
    /// Who says it.
    pub run: RunId,
    /// Its launch.
    pub launch: i32,
    /// What kind of word it is.
    pub kind: NoticeKind,
    /// In one line.
    pub summary: &'a str,
    /// What else.
    pub details: Option<&'a str>,
    /// How many the run may say in an hour.
    pub most: i64,
    /// For the audit.
    pub flow: flow::Entry,
}

/// An agent tells people something. Answers whether it was told, now or before: not by a launch that is not the current
/// one, and not more than enough.
///
/// # Errors
/// The database's.
pub async fn notify(db: impl PgExecutor<'_>, said: &Said<'_>) -> Result<bool> {
    let told = sqlx::query_file!(
        "src/notices/notify.sql",
        said.run.0,
        said.launch,
        said.id,
        said.kind.as_str(),
        said.summary,
        said.details,
        said.most,
        said.flow.id,
        said.flow.kind.as_str(),
        said.flow.actor,
        said.flow.data,
        said.flow.canonical
    );
    Ok(told.execute(db).await?.rows_affected() == 1)
}

/// Forgets notices that are older than `age`, with everybody's notifications of them, `most` of them; answers how many.
///
/// # Errors
/// The database's.
pub async fn forget(db: impl PgExecutor<'_>, age: Duration, most: i64) -> Result<u64> {
    let forgotten = sqlx::query_file!("src/notices/forget.sql", age.as_secs_f64(), most);
    Ok(forgotten.execute(db).await?.rows_affected())
}

/// A notification as its person sees it.
#[derive(Debug, Clone)]
pub struct NotificationRow {
    /// The notice.
    pub id: Uuid,
    /// What raised it.
    pub kind: Coded<NoticeKind>,
    /// When.
    pub at: DateTime<Utc>,
    /// By its person, or nothing is left to do about it.
    pub read: bool,
    /// What an agent says of its own accord, in one line.
    pub summary: Option<String>,
    /// What else it says.
    pub details: Option<String>,
    /// What an agent, or a system of others, asks.
    pub request_id: Option<Uuid>,
    /// The host that it tries.
    pub host: Option<String>,
    /// In its words.
    pub asked: Option<Json<Asked>>,
    /// Of an action: who may approve it.
    pub mode: Option<Coded<ApprovalMode>>,
    /// Of an action: the digest of what will be done.
    pub digest: Option<String>,
    /// Its project.
    pub project_id: ProjectId,
    /// The project's name.
    pub project_name: String,
    /// Name of the system of others that asks.
    pub integration: Option<String>,
    /// What that asks.
    pub outside: Option<Json<asking::Asked>>,
    /// The run that it is about; what follows is of that.
    pub run_id: Option<Uuid>,
    /// owner/name.
    pub repository_full_name: Option<String>,
    /// Number of the issue.
    pub subject_number: Option<i64>,
    /// Its title.
    pub subject_title: Option<String>,
    /// The run's stage.
    pub stage: Option<Coded<Stage>>,
    /// The run's role.
    pub role: Option<String>,
    /// Why the run ended as it did.
    pub reason: Option<String>,
    /// The run's pull request.
    pub pr_number: Option<i64>,
}

/// What a person was told, newest first; only what is `unread`, or all.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: Viewer,
    unread: bool,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<NotificationRow>> {
    sqlx::query_file_as!(
        NotificationRow,
        "src/notices/view.sql",
        viewer.user.0,
        viewer.sees_all,
        unread,
        after.map(|cursor| cursor.at),
        after.map(|cursor| cursor.id),
        limit
    )
    .fetch_all(db)
    .await
}

/// How a person's notifications stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// How many are not read.
    pub unread: i64,
    /// The newest of all.
    pub newest: Option<Uuid>,
    /// When something last happened to what systems of others ask them.
    pub outside: Option<DateTime<Utc>>,
}

/// How a person's notifications stand now.
///
/// # Errors
/// The database's.
pub async fn news(db: impl PgExecutor<'_>, viewer: Viewer) -> Result<News> {
    sqlx::query_file_as!(News, "src/notices/news.sql", viewer.user.0, viewer.sees_all).fetch_one(db).await
}

/// A person has read these; others' and those that they have read before stay as they are.
///
/// # Errors
/// The database's.
pub async fn read(db: impl PgExecutor<'_>, user: UserId, notices: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "UPDATE notifications SET read_at = app_now() WHERE user_id = $1 AND notice_id = ANY ($2) AND read_at IS NULL",
        user.0,
        notices
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A person has read one and all before it. Answers whether it is theirs.
///
/// # Errors
/// The database's.
pub async fn read_up_to(db: impl PgExecutor<'_>, user: UserId, last: Uuid) -> Result<bool> {
    let found = sqlx::query_file_scalar!("src/notices/read_up_to.sql", user.0, last).fetch_optional(db).await?;
    Ok(found.is_some())
}

/// What a person has chosen; of kinds that are not here the default counts.
///
/// # Errors
/// The database's.
pub async fn choices(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<(NoticeKind, bool)>> {
    let rows = sqlx::query!(
        r#"SELECT kind AS "kind: Coded<NoticeKind>", wanted FROM notification_choices WHERE user_id = $1"#,
        user.0
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.kind.0, row.wanted)).collect())
}

/// A person chooses; each kind at most once.
///
/// # Errors
/// The database's.
pub async fn choose(db: impl PgExecutor<'_>, user: UserId, chosen: &[(NoticeKind, bool)]) -> Result<()> {
    let (kinds, wanted): (Vec<_>, Vec<_>) = chosen.iter().map(|(kind, wanted)| (kind.to_string(), *wanted)).unzip();
    sqlx::query!(
        "INSERT INTO notification_choices (user_id, kind, wanted)
         SELECT $1, kind, wanted FROM unnest($2::text[], $3::boolean[]) AS chosen (kind, wanted)
         ON CONFLICT (user_id, kind) DO UPDATE SET wanted = EXCLUDED.wanted",
        user.0,
        &kinds,
        &wanted
    )
    .execute(db)
    .await?;
    Ok(())
}
