//! Taking one webhook delivery in: read, gather the facts, let [`domain::intake::decide`] decide, store it in one
//! statement. Both doors use it: the webhook itself and GitHub's delivery log.

mod answers;
mod beside;
mod facts;
mod history;
mod plan;
mod record;

use domain::event::{self, Delivered, UnreadablePayload};
use domain::flow::FlowKind;
use domain::ids::{CorrelationId, DeliveryId, RunId};
use domain::intake::{self, ActiveRun, Decision, History};
use domain::reasons::IntakeReason;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use crate::flow;
use crate::outbound::LabelChange;
use answers::questions;
use beside::{Beside, Case, keep};
use facts::Facts;
use plan::{Planned, new_run, plan};
use record::{Effect, Intake, RunEnd};

pub use history::accepted;
pub use record::Stored;

/// The source of what nobody delivered: the platform asked GitHub itself how things stand now, after an outage.
pub const GITHUB_API: &str = "github_api";

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
    /// `webhook`, `delivery_log`, `console` or [`GITHUB_API`].
    pub source: &'a str,
    /// Ties together all that follows.
    pub correlation: CorrelationId,
    /// What somebody at the console wants beside it.
    pub wish: Option<&'a Wish>,
}

/// What an event from the console carries that one from GitHub cannot: there the label is on already.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The run to try again.
    pub retries: Option<RunId>,
    /// How the labels of the event's subject are to follow, if it starts a run.
    pub labels: LabelChange,
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
    let delivered = read(arrival, &payload)?;
    let mut connection = pool.acquire().await?;
    let facts = facts::read(&mut *connection, &delivered).await?;
    let retries = arrival.wish.is_some_and(|wish| wish.retries.is_some());
    let (history, active) = before(&mut connection, &delivered, &facts, retries).await?;
    let (questions, asks) = questions(&mut connection, &delivered, &facts).await?;
    let known = intake::Facts {
        delivered: &delivered,
        binding: facts.binding,
        person: facts.person,
        active: active.as_ref().or(asks.as_ref()).or(facts.active.as_ref()),
        questions: &questions,
        talks: facts.talks,
        history: &history,
        retries: arrival.wish.and_then(|wish| wish.retries),
        models: &facts.models,
        now: facts.now,
    };
    let (decision, ends_talk) = (intake::decide(&known), intake::ends_talk(&known));
    let run = RunId::new();
    let started = match &decision {
        Decision::Start(start) => Some(plan(&mut connection, start, run, &delivered, &facts).await?),
        _ => None,
    };
    let event_key = delivered.key.as_ref().map(|key| key.after(facts.opposites));
    let intake = Intake {
        id: DeliveryId::new(),
        guid: arrival.guid,
        body_sha256: arrival.body_sha256,
        event_key: event_key.as_deref(),
        event: arrival.event,
        action: delivered.action.as_deref(),
        repository: facts.binding.map(|binding| binding.repository_id),
        repository_full_name: delivered.repository.as_ref().map(|r| r.full_name.as_str()),
        subject_number: delivered.subject(),
        label: delivered.label(),
        sender_github_id: delivered.sender.as_ref().map(|s| s.github_id),
        sender_login: delivered.sender.as_ref().map(|s| s.login.as_str()),
        correlation: arrival.correlation,
        source: arrival.source,
        payload: &payload,
        effect: effect(&decision, &delivered, started.as_ref(), &facts, arrival.source == GITHUB_API),
    };
    let case = Case { decision: &decision, delivered: &delivered, facts: &facts, started: started.as_ref() };
    let beside = Beside { ends_talk, wish: arrival.wish, ..Beside::of(&intake, &case) };
    match keep(&mut connection, &intake, &beside).await {
        Ok(Some(stored)) => Ok(Taken::New(stored)),
        Ok(None) => duplicate(&mut connection, &intake).await,
        Err(error) if is_same_event_at_once(&error) => duplicate(&mut connection, &intake).await,
        Err(error) => Err(error.into()),
    }
}

/// What a delivery says. What GitHub told when it was asked is so now, however long ago it happened and whatever became of
/// the event: nobody can replay that.
fn read(arrival: &Arrival<'_>, payload: &str) -> Result<Delivered, UnreadablePayload> {
    let delivered = event::read(arrival.event, payload.as_bytes())?;
    match arrival.source {
        GITHUB_API => Ok(Delivered { object_time: None, key: None, ..delivered }),
        _ => Ok(delivered),
    }
}

/// What came before, for the events that need it. The active run is then that of the pull request's issue.
async fn before(
    db: &mut PgConnection,
    delivered: &Delivered,
    facts: &Facts,
    retries: bool,
) -> Result<(History, Option<ActiveRun>), sqlx::Error> {
    let (Some(binding), Some(subject)) = (facts.binding, delivered.subject()) else {
        return Ok((History::default(), None));
    };
    if !retries && !intake::asks_for_history(&delivered.event, binding.stage_order) {
        return Ok((History::default(), None));
    }
    history::read(db, binding.repository_id, subject, delivered.pull().is_some()).await
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

fn effect<'a>(
    decision: &'a Decision,
    delivered: &'a Delivered,
    started: Option<&'a Planned<'a>>,
    facts: &'a Facts,
    is_found: bool,
) -> Effect<'a> {
    match *decision {
        Decision::Ignore(reason) => Effect::Ignore(reason),
        Decision::Settle { how, run, .. } => Effect::Settle(how, run),
        Decision::Keep { keep, run } => Effect::Keep(keep, run),
        Decision::Clear { run } => Effect::Clear(run),
        Decision::Answer { run, .. } => Effect::Answer(run),
        Decision::Hear => Effect::Talk(IntakeReason::CommentHeard),
        Decision::EndTalk(end) => Effect::Talk(end.because()),
        Decision::End { run, because, reason, only_unclaimed } => {
            let data = flow::told(json!({ "because": because.as_str() }), is_found);
            let flow = flow::Entry::new(FlowKind::CancelRequested, actor(delivered), data);
            Effect::End(Box::new(RunEnd { run, because, reason, only_unclaimed, flow }))
        }
        Decision::Start(_) => Effect::Start(Box::new(new_run(
            started.unwrap_or_else(|| unreachable!("a start is planned")),
            delivered,
            facts,
            actor(delivered),
        ))),
    }
}

/// For the audit.
fn actor(delivered: &Delivered) -> String {
    format!("user:{}", login(delivered))
}

fn login(delivered: &Delivered) -> &str {
    delivered.sender.as_ref().map_or("", |sender| sender.login.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_that_somebody_typed_is_shown_as_a_replacement() {
        assert_eq!(printable(br#"{"a":"x\u0000y"}"#), r#"{"a":"x\ufffdy"}"#);
    }
}
