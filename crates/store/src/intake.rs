//! Taking one webhook delivery in: read, gather the facts, let [`domain::intake::decide`] decide, store it in one
//! statement. Both doors use it: the webhook itself and GitHub's delivery log.

mod facts;
mod record;

use domain::catalogue::Catalogue;
use domain::choice::{Choice, Effort};
use domain::event::{self, Delivered, UnreadablePayload};
use domain::flow::FlowKind;
use domain::ids::{CorrelationId, DeliveryId, RunId};
use domain::intake::{self, Decision};
use domain::names;
use domain::stages::Stage;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::flow;
use facts::Facts;
use record::{Effect, Intake, NewRun, RunEnd};

pub use record::Stored;

/// A delivery as it arrived.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// GitHub's id of the delivery.
    pub guid: &'a str,
    /// The event's name.
    pub event: &'a str,
    /// The body as it came, or, from the log, as GitHub tells it again.
    pub body: &'a [u8],
    /// SHA-256 of the body.
    pub body_sha256: &'a [u8],
    /// `webhook` or `delivery_log`.
    pub source: &'a str,
    /// Ties together all that follows.
    pub correlation: CorrelationId,
}

/// How a delivery was taken in.
#[derive(Debug, Clone)]
pub enum Taken {
    /// For the first time.
    New(Stored),
    /// It was in the ledger already, like this.
    Duplicate(Stored),
}

/// Why a delivery could not be taken in; nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The body does not fit the event.
    #[error(transparent)]
    Unreadable(#[from] UnreadablePayload),
    /// The database failed.
    #[error("taking a delivery in")]
    Store(#[from] sqlx::Error),
}

/// Takes a delivery in.
///
/// # Errors
/// When the body is not a payload of the event, or the database fails; nothing is stored then.
pub async fn take_in(pool: &PgPool, arrival: &Arrival<'_>) -> Result<Taken, IntakeError> {
    let payload = printable(arrival.body);
    let delivered = event::read(arrival.event, payload.as_bytes())?;
    let sender = delivered.sender.as_ref().map(|s| s.github_id);
    let issue = delivered.issue().map(|issue| issue.number);
    let mut connection = pool.acquire().await?;
    let facts = facts::read(&mut *connection, &delivered).await?;
    let decision = intake::decide(&intake::Facts {
        delivered: &delivered,
        binding: facts.binding,
        person: facts.person,
        active: facts.active,
        models: &facts.models,
        now: facts.now,
    });
    let event_key = delivered.key.as_ref().map(|key| key.after(facts.opposites));
    let id = DeliveryId::new();
    let run = RunId::new();
    let names = Names::of(run, &delivered, &facts, &decision);
    let intake = Intake {
        id,
        guid: arrival.guid,
        body_sha256: arrival.body_sha256,
        event_key: event_key.as_deref(),
        event: arrival.event,
        action: delivered.action.as_deref(),
        repository: facts.binding.map(|binding| binding.repository_id),
        repository_full_name: delivered.repository.as_ref().map(|r| r.full_name.as_str()),
        subject_number: issue,
        label: delivered.label(),
        sender_github_id: sender,
        sender_login: delivered.sender.as_ref().map(|s| s.login.as_str()),
        correlation: arrival.correlation,
        source: arrival.source,
        payload: &payload,
        effect: effect(&decision, run, &delivered, &facts, &names),
    };
    match record::store(&mut *connection, &intake).await {
        Ok(Some(stored)) => Ok(Taken::New(stored)),
        Ok(None) => duplicate(&mut connection, &intake).await,
        Err(error) if is_same_event_at_once(&error) => duplicate(&mut connection, &intake).await,
        Err(error) => Err(error.into()),
    }
}

async fn duplicate(db: &mut PgConnection, intake: &Intake<'_>) -> Result<Taken, IntakeError> {
    let first = record::count_duplicate(db, intake.guid, intake.body_sha256, intake.event_key).await?;
    Ok(Taken::Duplicate(first.ok_or(sqlx::Error::RowNotFound)?))
}

/// The run's foreign key found no ledger row: another statement has stored the same event in this instant.
fn is_same_event_at_once(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

/// PostgreSQL's text holds no NUL; GitHub's payloads may, escaped, where a person typed one.
fn printable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if text.contains("\\u0000") { text.replace("\\u0000", "\\ufffd") } else { text.into_owned() }
}

/// Names of the run that a decision starts.
struct Names {
    branch: String,
    namespace: String,
}

impl Names {
    fn of(run: RunId, delivered: &Delivered, facts: &Facts, decision: &Decision) -> Self {
        let number = delivered.issue().map_or(0, |issue| issue.number);
        let slug = facts.defaults.as_ref().map_or("", |defaults| defaults.project_slug.as_str());
        let stage = if let Decision::Start(stage, _) = decision { *stage } else { Stage::Dev };
        Self { branch: names::branch(number, run), namespace: names::namespace(slug, stage.as_str(), number, run) }
    }
}

fn effect<'a>(
    decision: &'a Decision,
    run: RunId,
    delivered: &'a Delivered,
    facts: &'a Facts,
    names: &'a Names,
) -> Effect<'a> {
    match *decision {
        Decision::Ignore(reason) => Effect::Ignore(reason),
        Decision::End { run, because, reason, only_unclaimed } => {
            let data = json!({ "because": because.as_str() });
            let flow = flow::Entry::new(FlowKind::CancelRequested, actor(delivered), data);
            Effect::End(Box::new(RunEnd { run, because, reason, only_unclaimed, flow }))
        }
        Decision::Start(stage, ref choice) => start((stage, choice), run, delivered, facts, names),
    }
}

/// For the audit.
fn actor(delivered: &Delivered) -> String {
    format!("user:{}", delivered.sender.as_ref().map_or("", |sender| sender.login.as_str()))
}

fn start<'a>(
    (stage, choice): (Stage, &'a Choice),
    run: RunId,
    delivered: &'a Delivered,
    facts: &'a Facts,
    names: &'a Names,
) -> Effect<'a> {
    let (Some(issue), Some(binding), Some(defaults), Some(person)) =
        (delivered.issue(), facts.binding, facts.defaults.as_ref(), facts.person)
    else {
        unreachable!("a run is only started for an issue of a connected repository, by a listed person");
    };
    let data = json!({ "issue": issue.number, "stage": stage.as_str(), "run": Uuid::from(run).to_string() });
    Effect::Start(Box::new(NewRun {
        id: run,
        project: binding.project_id,
        title: &issue.title,
        body: &issue.body,
        url: &issue.url,
        stage,
        role: Catalogue::builtin().stage(stage).actor(),
        model: choice.model.as_deref().unwrap_or(&defaults.model),
        effort: choice.effort.map(Effort::for_codex),
        defaults,
        branch: &names.branch,
        namespace: &names.namespace,
        started_by: person.user_id,
        flow: flow::Entry::new(FlowKind::RunCreated, actor(delivered), data),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_that_somebody_typed_is_shown_as_a_replacement() {
        assert_eq!(printable(br#"{"a":"x\u0000y"}"#), r#"{"a":"x\ufffdy"}"#);
    }
}
