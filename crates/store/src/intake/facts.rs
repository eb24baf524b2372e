//! What the intake decision rests on, read in one query.

use chrono::{DateTime, Utc};
use domain::catalogue::Catalogue;
use domain::event::Delivered;
use domain::ids::{ProjectId, RepositoryId, RunId, UserId};
use domain::intake::{ActiveRun, Binding, Person};
use domain::labels::{self, Label};
use domain::rights::{PlatformRole, ProjectRole};
use sqlx::PgExecutor;

use crate::{Coded, Result};

/// What the intake decision rests on, and what a run would need.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The database's clock.
    pub now: DateTime<Utc>,
    /// The repository, if it is connected.
    pub binding: Option<Binding>,
    /// Its settings, if it is connected.
    pub defaults: Option<RunDefaults>,
    /// The sender, if listed.
    pub person: Option<Person>,
    /// The active run of the issue.
    pub active: Option<ActiveRun>,
    /// A discussion is going on on the issue.
    pub talks: bool,
    /// Models that a label may choose.
    pub models: Vec<String>,
    /// Events of the opposite kind with the same second that the ledger has.
    pub opposites: i64,
}

/// What a run takes from its project and from the platform.
#[derive(Debug, Clone)]
pub(super) struct RunDefaults {
    /// Short name of the project.
    pub project_slug: String,
    /// Its language.
    pub locale: String,
    /// Its model, or the platform's.
    pub model: String,
    /// Where pull requests go.
    pub default_branch: String,
    /// Time limit of a run.
    pub time_limit_seconds: i32,
    /// How long a namespace lives after its run.
    pub namespace_ttl_seconds: i32,
}

/// Reads the facts for one delivery in one go.
///
/// # Errors
/// The database's.
pub(super) async fn read(db: impl PgExecutor<'_>, delivered: &Delivered) -> Result<Facts> {
    let repository = delivered.repository.as_ref().map(|r| r.github_id);
    let sender = delivered.sender.as_ref().map(|s| s.github_id);
    let subject = delivered.subject();
    let opposite = delivered.key.as_ref().and_then(|key| key.opposite.as_deref());
    let role = match delivered.label().map(labels::read) {
        Some(Label::Run(stage) | Label::Revise(stage)) => Some(Catalogue::builtin().stage(stage).actor().as_str()),
        _ => None,
    };
    let row =
        sqlx::query_file!("src/intake/facts.sql", repository, sender, subject, opposite, role).fetch_one(db).await?;
    let binding = row.repository_id.zip(row.project_id).zip(row.bot_github_id);
    Ok(Facts {
        now: row.now,
        models: row.models,
        talks: row.talks,
        opposites: row.opposites,
        binding: binding.map(|((repository, project), bot_github_id)| Binding {
            repository_id: RepositoryId(repository),
            project_id: ProjectId(project),
            bot_github_id,
            stage_order: row.stage_order.unwrap_or_default(),
        }),
        defaults: row.project_slug.map(|project_slug| RunDefaults {
            project_slug,
            locale: row.locale.unwrap_or_default(),
            model: row.model.unwrap_or_default(),
            default_branch: row.default_branch.unwrap_or_default(),
            time_limit_seconds: row.time_limit_seconds,
            namespace_ttl_seconds: row.namespace_ttl_seconds,
        }),
        person: row.user_id.zip(row.platform_role).map(|(user, role)| Person {
            user_id: UserId(user),
            platform_role: role.0,
            project_role: row.project_role.map(|role| role.0),
        }),
        active: row.active_id.map(|id| ActiveRun {
            id: RunId(id),
            trigger: row.active_trigger,
            claimed: row.active_claimed.unwrap_or_default(),
        }),
    })
}
