//! `prompt_templates`: what people wrote in the place of the platform's own templates.

use chrono::{DateTime, Utc};
use domain::ids::{ProjectId, TemplateId, UserId};
use domain::locale::Locale;
use domain::templates::TemplateState;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Coded, Result, flow};

/// A version of a template.
#[derive(Debug, Clone)]
pub struct TemplateRow {
    /// The row.
    pub id: TemplateId,
    /// For which project; `None`: for every one.
    pub project_id: Option<Uuid>,
    /// What it is for.
    pub key: String,
    /// Its language.
    pub locale: Coded<Locale>,
    /// Its number among those of its place.
    pub version: i32,
    /// Where it stands.
    pub state: Coded<TemplateState>,
    /// Its text; empty in lists.
    pub text: String,
    /// Who wrote it last.
    pub author: String,
    /// Of the last decision about it.
    pub reason: String,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// Grows with each change.
    pub revision: i64,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub changed_at: DateTime<Utc>,
}

/// Where a template stands in: for whom, what for, in which language.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// One project, or every one.
    pub project: Option<ProjectId>,
    /// What it is for.
    pub key: &'a str,
    /// Its language.
    pub locale: Locale,
}

/// Which versions to read.
#[derive(Debug, Clone)]
struct Filter<'a> {
    id: Option<TemplateId>,
    project: Option<ProjectId>,
    or_global: bool,
    keys: Option<&'a [String]>,
    locales: Option<&'a [Locale]>,
    states: Option<&'a [TemplateState]>,
    texts: bool,
    limit: i64,
}

const ALL: Filter<'_> = Filter {
    id: None,
    project: None,
    or_global: false,
    keys: None,
    locales: None,
    states: None,
    texts: false,
    limit: MOST,
};
/// More than there are places in one view.
const MOST: i64 = 1000;

async fn list(db: impl PgExecutor<'_>, filter: &Filter<'_>) -> Result<Vec<TemplateRow>> {
    let locales = filter.locales.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
    let states = filter.states.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
    sqlx::query_file_as!(
        TemplateRow,
        "src/prompt_templates/view.sql",
        filter.id.map(|id| id.0),
        filter.project.map(|id| id.0),
        filter.or_global,
        filter.keys,
        locales.as_deref(),
        states.as_deref(),
        filter.texts,
        filter.limit
    )
    .fetch_all(db)
    .await
}

/// What is in use or being written, for every project and for this one; without texts.
///
/// # Errors
/// The database's.
pub async fn current(db: impl PgExecutor<'_>, project: Option<ProjectId>) -> Result<Vec<TemplateRow>> {
    let states = Some([TemplateState::Active, TemplateState::Draft].as_slice());
    list(db, &Filter { project, or_global: true, states, ..ALL }).await
}

/// Every version of a place, newest first, without texts.
///
/// # Errors
/// The database's.
pub async fn versions(db: impl PgExecutor<'_>, place: Place<'_>, limit: i64) -> Result<Vec<TemplateRow>> {
    let (keys, locales) = ([place.key.to_owned()], [place.locale]);
    let filter = Filter { project: place.project, keys: Some(&keys), locales: Some(&locales), limit, ..ALL };
    list(db, &filter).await
}

/// What is in use for a project, or for every one, of these keys, in these languages, with texts.
///
/// # Errors
/// The database's.
pub async fn in_use(
    db: impl PgExecutor<'_>,
    project: Option<ProjectId>,
    keys: &[String],
    locales: &[Locale],
) -> Result<Vec<TemplateRow>> {
    let (keys, locales, states) = (Some(keys), Some(locales), Some([TemplateState::Active].as_slice()));
    list(db, &Filter { project, or_global: true, keys, locales, states, texts: true, ..ALL }).await
}

/// One version, with its text.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, id: TemplateId) -> Result<Option<TemplateRow>> {
    Ok(list(db, &Filter { id: Some(id), texts: true, ..ALL }).await?.into_iter().next())
}

/// Begins the next version of a place as a draft.
///
/// # Errors
/// A unique violation when one is being written already.
pub async fn create(
    db: impl PgExecutor<'_>,
    id: TemplateId,
    place: Place<'_>,
    text: &str,
    author: UserId,
    entry: &flow::Entry,
) -> Result<()> {
    sqlx::query_file!(
        "src/prompt_templates/create.sql",
        id.0,
        place.project.map(|id| id.0),
        place.key,
        place.locale.as_str(),
        text,
        author.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Which version is meant, as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// The row.
    pub id: TemplateId,
    /// Its revision.
    pub revision: i64,
}

/// Gives a draft another text; answers whether it was still as it was read.
///
/// # Errors
/// The database's.
pub async fn edit(db: impl PgExecutor<'_>, read: Read, text: &str, by: UserId, entry: &flow::Entry) -> Result<bool> {
    let edited = sqlx::query_file!(
        "src/prompt_templates/edit.sql",
        read.id.0,
        read.revision,
        text,
        by.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data
    )
    .execute(db)
    .await?;
    Ok(edited.rows_affected() == 1)
}

/// What is decided about a version.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// Where it stands afterwards.
    pub state: TemplateState,
    /// Why.
    pub reason: &'a str,
    /// Who.
    pub by: UserId,
    /// For the audit.
    pub flow: flow::Entry,
}

/// Moves a version to another state, and out of use what it replaces; answers whether it was still as it was read.
///
/// # Errors
/// A unique violation when another version came into use at the same moment.
pub async fn decide(db: impl PgExecutor<'_>, read: Read, decision: &Decision<'_>) -> Result<bool> {
    let decided = sqlx::query_file!(
        "src/prompt_templates/decide.sql",
        read.id.0,
        read.revision,
        decision.state.as_str(),
        decision.reason,
        decision.by.0,
        decision.flow.id,
        decision.flow.kind.as_str(),
        decision.flow.actor,
        decision.flow.data
    )
    .execute(db)
    .await?;
    Ok(decided.rows_affected() == 1)
}
