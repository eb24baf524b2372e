//! `channels`: services of others through which a project's people are asked. What a channel is being asked is taken back
//! by a trigger when it is changed, silenced or taken away.

use chrono::{DateTime, Utc};
use domain::channels::trial::TrialAnswer;
use domain::channels::{AskState, ChannelKind, SpeaksFor};
use domain::ids::{ProjectId, UserId};
use domain::locale::Locale;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Coded, Result, flow};

/// A channel with what it was asked last and what came of its last test.
#[derive(Debug, Clone)]
pub struct ChannelRow {
    /// The channel.
    pub id: Uuid,
    /// Its project.
    pub project_id: ProjectId,
    /// What it is for.
    pub kind: Coded<ChannelKind>,
    /// Its name, one of its kind in the project.
    pub name: String,
    /// Its address, below which it is asked.
    pub url: String,
    /// In which language it is asked.
    pub locale: Coded<Locale>,
    /// How long people have there.
    pub timeout_seconds: i32,
    /// Who answers there.
    pub speaks_for: Coded<SpeaksFor>,
    /// Whether it is asked.
    pub enabled: bool,
    /// Grows with every change.
    pub version: i64,
    /// Login of whoever added it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Login of whoever changed it last.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<DateTime<Utc>>,
    /// How many requests wait there.
    pub open: i64,
    /// Where the newest request stands there.
    pub last_state: Option<Coded<AskState>>,
    /// What went wrong with it.
    pub last_trouble: Option<String>,
    /// When it came there.
    pub last_at: Option<DateTime<Utc>>,
    /// Where its newest test stands.
    pub trial_state: Option<Coded<AskState>>,
    /// What went wrong with it.
    pub trial_trouble: Option<String>,
    /// What came back of it.
    pub trial_answer: Option<Json<TrialAnswer>>,
    /// Login of whoever had it tried.
    pub trial_by: Option<String>,
    /// Since when it stands so.
    pub trial_at: Option<DateTime<Utc>>,
}

/// A project's channels, by name.
///
/// # Errors
/// The database's.
pub async fn list(db: impl PgExecutor<'_>, project: ProjectId) -> Result<Vec<ChannelRow>> {
    sqlx::query_file_as!(ChannelRow, "src/channels/view.sql", project.0, None::<Uuid>).fetch_all(db).await
}

/// One channel that was not taken away.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<ChannelRow>> {
    sqlx::query_file_as!(ChannelRow, "src/channels/view.sql", None::<Uuid>, id).fetch_optional(db).await
}

/// A channel to add.
#[derive(Debug, Clone)]
pub struct NewChannel<'a> {
    /// The row.
    pub id: Uuid,
    /// Its project.
    pub project: ProjectId,
    /// What it is for.
    pub kind: ChannelKind,
    /// Its name.
    pub name: &'a str,
    /// Its address.
    pub url: &'a str,
    /// In which language it is asked.
    pub locale: Locale,
    /// How long people have there.
    pub timeout_seconds: i32,
    /// Who answers there.
    pub speaks_for: SpeaksFor,
    /// Who adds it.
    pub by: UserId,
}

/// Adds a channel.
///
/// # Errors
/// A unique violation when the project has one of this name.
pub async fn add(db: impl PgExecutor<'_>, new: &NewChannel<'_>, entry: &flow::Entry) -> Result<()> {
    sqlx::query_file!(
        "src/channels/add.sql",
        new.id,
        new.project.0,
        new.kind.as_str(),
        new.name,
        new.url,
        new.locale.as_str(),
        new.timeout_seconds,
        new.speaks_for.as_str(),
        new.by.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What to change; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChannelChange<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// Its address.
    pub url: Option<&'a str>,
    /// In which language it is asked.
    pub locale: Option<Locale>,
    /// How long people have there.
    pub timeout_seconds: Option<i32>,
    /// Who answers there.
    pub speaks_for: Option<SpeaksFor>,
    /// Whether it is asked.
    pub enabled: Option<bool>,
}

/// Changes a channel if its version is still the one that was read; answers whether it was.
///
/// # Errors
/// A unique violation when the project has another one of this name.
pub async fn change(
    db: impl PgExecutor<'_>,
    (id, version): (Uuid, i64),
    to: &ChannelChange<'_>,
    by: UserId,
    entry: &flow::Entry,
) -> Result<bool> {
    let changed = sqlx::query_file!(
        "src/channels/change.sql",
        id,
        version,
        to.name,
        to.url,
        to.locale.map(Locale::as_str),
        to.timeout_seconds,
        to.speaks_for.map(SpeaksFor::as_str),
        to.enabled,
        by.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    );
    Ok(changed.execute(db).await?.rows_affected() == 1)
}

/// Takes a channel away; answers whether it was there.
///
/// # Errors
/// The database's.
pub async fn remove(db: impl PgExecutor<'_>, id: Uuid, entry: &flow::Entry) -> Result<bool> {
    let removed =
        sqlx::query_file!("src/channels/remove.sql", id, entry.id, entry.kind.as_str(), entry.actor, entry.data);
    Ok(removed.execute(db).await?.rows_affected() == 1)
}
