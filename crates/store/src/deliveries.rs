//! `webhook_deliveries`: the ledger. Taking a delivery in is one statement: the delivery, its decision and the run that
//! it starts are stored together or not at all.

use chrono::{DateTime, Utc};
use domain::event::Delivered;
use domain::ids::{CorrelationId, DeliveryId, ProjectId, RepositoryId, RunId, UserId};
use domain::intake::{ActiveRun, Binding, Person};
use domain::labels::Stage;
use domain::reasons::{IntakeReason, Reason};
use domain::rights::{PlatformRole, ProjectRole};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{Coded, Cursor, Result, flow};

/// What the intake decision rests on, and what a run would need.
#[derive(Debug, Clone)]
pub struct Facts {
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
    /// Events of the opposite kind with the same second that the ledger has.
    pub opposites: i64,
}

/// What a run takes from its project and from the platform.
#[derive(Debug, Clone)]
pub struct RunDefaults {
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
pub async fn facts(db: impl PgExecutor<'_>, delivered: &Delivered) -> Result<Facts> {
    let repository = delivered.repository.as_ref().map(|r| r.github_id);
    let sender = delivered.sender.as_ref().map(|s| s.github_id);
    let issue = delivered.issue().map(|issue| issue.number);
    let opposite = delivered.key.as_ref().and_then(|key| key.opposite.as_deref());
    let row = sqlx::query_file!("src/deliveries/facts.sql", repository, sender, issue, opposite).fetch_one(db).await?;
    let binding = row.repository_id.zip(row.project_id).zip(row.bot_github_id);
    let active = row.active_id.filter(|_| row.active_stage.as_deref() == Some(Stage::Dev.as_str()));
    Ok(Facts {
        now: row.now,
        opposites: row.opposites,
        binding: binding.map(|((repository, project), bot_github_id)| Binding {
            repository_id: RepositoryId(repository),
            project_id: ProjectId(project),
            bot_github_id,
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
        active: active.map(|id| ActiveRun {
            id: RunId(id),
            stage: Stage::Dev,
            claimed: row.active_claimed.unwrap_or_default(),
        }),
    })
}

/// A delivery to take in, with what was decided.
#[derive(Debug, Clone)]
pub struct Intake<'a> {
    /// The row.
    pub id: DeliveryId,
    /// GitHub's id of the delivery.
    pub guid: &'a str,
    /// Of the raw body.
    pub body_sha256: &'a [u8],
    /// The event's own key.
    pub event_key: Option<&'a str>,
    /// The event's name.
    pub event: &'a str,
    /// The payload's action.
    pub action: Option<&'a str>,
    /// The connected repository.
    pub repository: Option<RepositoryId>,
    /// As the payload says.
    pub repository_full_name: Option<&'a str>,
    /// Number of the issue.
    pub subject_number: Option<i64>,
    /// The label.
    pub label: Option<&'a str>,
    /// Numeric id of the sender.
    pub sender_github_id: Option<i64>,
    /// Login of the sender.
    pub sender_login: Option<&'a str>,
    /// Ties together all that follows.
    pub correlation: CorrelationId,
    /// `webhook`, or `delivery_log` when it was read from GitHub's log.
    pub source: &'a str,
    /// The body as JSON text, without NUL characters.
    pub payload: &'a str,
    /// What to do.
    pub effect: Effect<'a>,
}

/// The decision, ready to be stored.
#[derive(Debug, Clone)]
pub enum Effect<'a> {
    /// Nothing, for this reason.
    Ignore(IntakeReason),
    /// Start this run.
    Start(Box<NewRun<'a>>),
    /// End this run.
    End(Box<RunEnd>),
}

/// A run to end.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// The run.
    pub run: RunId,
    /// For the ledger.
    pub because: IntakeReason,
    /// For the run.
    pub reason: Reason,
    /// Only as long as no worker has claimed it.
    pub only_unclaimed: bool,
    /// Audit of the request to stop.
    pub flow: flow::Entry,
}

/// An effect laid out for the statement: what does not apply is NULL there.
struct Columns<'a> {
    ignored: Option<IntakeReason>,
    run: Option<&'a NewRun<'a>>,
    end: Option<&'a RunEnd>,
    entry: Option<&'a flow::Entry>,
}

impl Effect<'_> {
    fn columns(&self) -> Columns<'_> {
        let nothing = Columns { ignored: None, run: None, end: None, entry: None };
        match self {
            Self::Ignore(reason) => Columns { ignored: Some(*reason), ..nothing },
            Self::Start(run) => Columns { run: Some(run), entry: Some(&run.flow), ..nothing },
            Self::End(end) => Columns { end: Some(end), entry: Some(&end.flow), ..nothing },
        }
    }
}

/// A run to start.
#[derive(Debug, Clone)]
pub struct NewRun<'a> {
    /// The row.
    pub id: RunId,
    /// Its project.
    pub project: ProjectId,
    /// Title of the issue.
    pub title: &'a str,
    /// Text of the issue, exactly as the event carried it.
    pub body: &'a str,
    /// Page of the issue.
    pub url: &'a str,
    /// Stage.
    pub stage: Stage,
    /// Settings.
    pub defaults: &'a RunDefaults,
    /// The only branch it may push.
    pub branch: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Who started it.
    pub started_by: UserId,
    /// Audit of the start.
    pub flow: flow::Entry,
}

/// How a delivery was stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// `accepted`, `effected` or `ignored`.
    pub decision: String,
    /// Why, when it is not accepted.
    pub reason: Option<String>,
    /// The run that it started or touched.
    pub run_id: Option<Uuid>,
}

/// Takes a delivery in. `None`: the same delivery, body or event is in the ledger already.
///
/// # Errors
/// The database's. A foreign key violation means that the same event was taken in at the same instant; the caller may
/// treat it as a duplicate.
pub async fn take_in(db: impl PgExecutor<'_>, intake: &Intake<'_>) -> Result<Option<Stored>> {
    let Columns { ignored, run, end, entry } = intake.effect.columns();
    let commentable: Vec<String> =
        IntakeReason::ALL.iter().filter(|r| r.deserves_comment()).map(ToString::to_string).collect();
    sqlx::query_file_as!(
        Stored,
        "src/deliveries/take_in.sql",
        intake.id.0,
        intake.guid,
        intake.body_sha256,
        intake.event_key,
        intake.event,
        intake.action,
        intake.repository.map(|id| id.0),
        intake.repository_full_name,
        intake.subject_number,
        intake.label,
        intake.sender_github_id,
        intake.sender_login,
        intake.correlation.0,
        intake.source,
        intake.payload,
        ignored.map(IntakeReason::as_str),
        run.map(|run| run.id.0),
        run.map(|run| run.project.0),
        run.map(|run| run.title),
        run.map(|run| run.body),
        run.map(|run| run.url),
        run.map(|run| run.stage.as_str()),
        run.map(|run| run.stage.role()),
        run.map(|run| run.defaults.locale.as_str()),
        run.map(|run| run.defaults.model.as_str()),
        run.map(|run| run.branch),
        run.map(|run| run.defaults.default_branch.as_str()),
        run.map(|run| run.namespace),
        run.map(|run| run.started_by.0),
        run.map(|run| run.defaults.time_limit_seconds),
        run.map(|run| run.defaults.namespace_ttl_seconds),
        end.map(|end| end.run.0),
        end.map(|end| end.because.as_str()),
        end.map(|end| end.reason.as_str()),
        end.is_some_and(|end| end.only_unclaimed),
        entry.map(|entry| entry.id),
        entry.map(|entry| entry.kind.as_str()),
        entry.map(|entry| entry.actor.as_str()),
        entry.map(|entry| &entry.data),
        entry.map(|entry| entry.canonical.as_slice()),
        Uuid::now_v7(),
        &commentable
    )
    .fetch_optional(db)
    .await
}

/// Counts a repeat of a delivery and answers how the first was stored.
///
/// # Errors
/// The database's.
pub async fn count_duplicate(
    db: impl PgExecutor<'_>,
    guid: &str,
    body_sha256: &[u8],
    event_key: Option<&str>,
) -> Result<Option<Stored>> {
    sqlx::query_as!(
        Stored,
        "UPDATE webhook_deliveries SET duplicates = duplicates + 1
         WHERE id = (SELECT id FROM webhook_deliveries
                     WHERE delivery_guid = $1 OR body_sha256 = $2 OR event_key = $3 ORDER BY received_at LIMIT 1)
         RETURNING decision, reason, run_id",
        guid,
        body_sha256,
        event_key
    )
    .fetch_optional(db)
    .await
}

/// Which of these delivery ids the ledger does not have.
///
/// # Errors
/// The database's.
pub async fn unknown_guids(db: impl PgExecutor<'_>, guids: &[String]) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"SELECT guid AS "guid!" FROM unnest($1::text[]) AS guid
           WHERE NOT EXISTS (SELECT FROM webhook_deliveries WHERE delivery_guid = guid)"#,
        guids
    )
    .fetch_all(db)
    .await
}

/// A delivery as the ledger shows it.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// The row.
    pub id: DeliveryId,
    /// GitHub's id of the delivery.
    pub delivery_guid: String,
    /// The event's name.
    pub event: String,
    /// The payload's action.
    pub action: Option<String>,
    /// owner/name, as the payload says.
    pub repository_full_name: Option<String>,
    /// Number of the issue.
    pub subject_number: Option<i64>,
    /// The label.
    pub label: Option<String>,
    /// Who.
    pub sender_login: Option<String>,
    /// `accepted`, `effected` or `ignored`.
    pub decision: String,
    /// Why.
    pub reason: Option<String>,
    /// The run that it started or touched.
    pub run_id: Option<Uuid>,
    /// How often it came again.
    pub duplicates: i64,
    /// When it first came.
    pub received_at: DateTime<Utc>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// The row of one repository.
    pub repository: Option<RepositoryId>,
    /// One decision.
    pub decision: Option<&'a str>,
    /// One event name.
    pub event: Option<&'a str>,
    /// One issue.
    pub subject_number: Option<i64>,
}

/// Who looks: what they may not see is left out.
#[derive(Debug, Clone, Copy)]
pub struct Viewer {
    /// The person.
    pub user: UserId,
    /// Sees every project.
    pub sees_all: bool,
}

/// Deliveries that the viewer may see, newest first. Those of repositories that nobody has connected are shown to those
/// who see everything.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: Viewer,
    filter: &Filter<'_>,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<DeliveryRow>> {
    sqlx::query_file_as!(
        DeliveryRow,
        "src/deliveries/list.sql",
        viewer.user.0,
        viewer.sees_all,
        filter.repository.map(|id| id.0),
        filter.decision,
        filter.event,
        filter.subject_number,
        after.map(|c| c.at),
        after.map(|c| c.id),
        limit,
        None::<Uuid>
    )
    .fetch_all(db)
    .await
}

/// One delivery that the viewer may see, with its payload.
///
/// # Errors
/// The database's.
pub async fn get(
    db: impl PgExecutor<'_> + Copy,
    viewer: Viewer,
    id: DeliveryId,
) -> Result<Option<(DeliveryRow, Value)>> {
    let row = sqlx::query_file_as!(
        DeliveryRow,
        "src/deliveries/list.sql",
        viewer.user.0,
        viewer.sees_all,
        None::<Uuid>,
        None::<&str>,
        None::<&str>,
        None::<i64>,
        None::<DateTime<Utc>>,
        None::<Uuid>,
        1,
        Some(id.0)
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let payload =
        sqlx::query_scalar!("SELECT payload FROM webhook_deliveries WHERE id = $1", id.0).fetch_one(db).await?;
    Ok(Some((row, payload)))
}
