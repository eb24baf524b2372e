//! Taking a delivery in is one statement: the delivery, its decision and the run that it starts are stored together or
//! not at all.

use domain::ids::{CorrelationId, DeliveryId, ProjectId, RepositoryId, RunId, UserId};
use domain::labels::NEED_INPUT;
use domain::reasons::{IntakeReason, Reason};
use domain::settlement::Settlement;
use domain::stages::{Role, Stage};
use serde_json::{Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::facts::RunDefaults;
use crate::outbound::LabelChange;
use crate::{Result, flow};

/// A delivery to take in, with what was decided.
#[derive(Debug, Clone)]
pub(super) struct Intake<'a> {
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
pub(super) enum Effect<'a> {
    /// Nothing, for this reason.
    Ignore(IntakeReason),
    /// Start this run.
    Start(Box<NewRun<'a>>),
    /// End this run.
    End(Box<RunEnd>),
    /// Settle the work of which this is the newest run.
    Settle(Settlement, RunId),
    /// Tell this run what it asked.
    Answer(RunId),
    /// What happens is not a run's matter; the rest of it moves in the same transaction.
    Talk(IntakeReason),
    /// Keep the namespaces of the subject of which this is the newest run, or not any more.
    Keep(bool, RunId),
    /// Somebody else than before approves what this run asks leave for.
    Rule(RunId),
    /// Clear away what the runs of an issue have left of which this is the newest.
    Clear(RunId),
}

/// A run to end.
#[derive(Debug, Clone)]
pub(super) struct RunEnd {
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
#[derive(Clone, Copy)]
struct Columns<'a> {
    ignored: Option<IntakeReason>,
    run: Option<&'a NewRun<'a>>,
    end: Option<&'a RunEnd>,
    entry: Option<&'a flow::Entry>,
    /// What else moves in the same transaction: why, and the run that it is about.
    touched: Option<(Option<IntakeReason>, Option<RunId>)>,
}

impl Columns<'_> {
    /// For the ledger, when something happened that it names.
    fn because(&self) -> Option<&'static str> {
        let touched = self.touched.and_then(|(because, _)| because);
        self.end.map(|end| end.because).or(touched).map(IntakeReason::as_str)
    }

    /// Labels to move where the event was: a person has to say which stage is meant.
    fn labels(&self) -> Option<Value> {
        (self.ignored == Some(IntakeReason::StageAmbiguous)).then(|| json!(LabelChange::of(&[], &[NEED_INPUT])))
    }
}

impl Effect<'_> {
    fn columns(&self) -> Columns<'_> {
        let nothing = Columns { ignored: None, run: None, end: None, entry: None, touched: None };
        match self {
            Self::Ignore(reason) => Columns { ignored: Some(*reason), ..nothing },
            Self::Start(run) => Columns { run: Some(run), entry: Some(&run.flow), ..nothing },
            Self::End(end) => {
                // An issue that ends clears more away than the run that may have ended by itself in this instant.
                let touched = (end.because == IntakeReason::IssueEnded).then_some((Some(end.because), Some(end.run)));
                Columns { end: Some(end), entry: Some(&end.flow), touched, ..nothing }
            }
            Self::Clear(run) => Columns { touched: Some((Some(IntakeReason::IssueEnded), Some(*run))), ..nothing },
            Self::Settle(how, run) => Columns { touched: Some((how.because(), Some(*run))), ..nothing },
            Self::Keep(keep, run) => {
                let because = if *keep { IntakeReason::NamespaceKept } else { IntakeReason::NamespaceReleased };
                Columns { touched: Some((Some(because), Some(*run))), ..nothing }
            }
            Self::Answer(run) => {
                Columns { touched: Some((Some(IntakeReason::QuestionAnswered), Some(*run))), ..nothing }
            }
            Self::Rule(run) => Columns { touched: Some((Some(IntakeReason::RequestsRuled), Some(*run))), ..nothing },
            Self::Talk(because) => Columns { touched: Some((Some(*because), None)), ..nothing },
        }
    }
}

/// What a run is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Number of the issue; of the pull request, where no run made it.
    pub number: i64,
    /// Title.
    pub title: &'a str,
    /// Text, exactly as an event carried it.
    pub body: &'a str,
    /// Its page.
    pub url: &'a str,
}

/// A run to start.
#[derive(Debug, Clone)]
pub(super) struct NewRun<'a> {
    /// The row.
    pub id: RunId,
    /// Its project.
    pub project: ProjectId,
    /// `stage` or `review`.
    pub kind: &'static str,
    /// The issue.
    pub subject: Subject<'a>,
    /// Stage.
    pub stage: Stage,
    /// Who acts.
    pub role: Role,
    /// Model.
    pub model: &'a str,
    /// Reasoning effort, in codex's word; the model's own when it is not said.
    pub effort: Option<&'static str>,
    /// Settings.
    pub defaults: &'a RunDefaults,
    /// Its time limit and how long its namespace lives after it, in seconds.
    pub limits: (i32, i32),
    /// The only branch it may push; of a review, the one that it looks at.
    pub branch: &'a str,
    /// Where the pull request goes.
    pub base_branch: &'a str,
    /// The pull request with its page, where there is one already.
    pub pull: Option<(i64, &'a str)>,
    /// The run whose session, branch and pull request it takes up again.
    pub resumes: Option<RunId>,
    /// That run's work was there, and is to be changed.
    pub revises: bool,
    /// The run whose work it looks at.
    pub reviews: Option<RunId>,
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
#[expect(clippy::too_many_lines, reason = "one line for each parameter of the statement")]
pub(super) async fn store(db: impl PgExecutor<'_>, intake: &Intake<'_>) -> Result<Option<Stored>> {
    let columns = intake.effect.columns();
    let Columns { ignored, run, end, entry, touched } = columns;
    let commentable: Vec<_> =
        IntakeReason::ALL.iter().filter(|r| r.deserves_comment()).map(|r| r.to_string()).collect();
    sqlx::query_file_as!(
        Stored,
        "src/intake/take_in.sql",
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
        run.map(|run| run.subject.title),
        run.map(|run| run.subject.body),
        run.map(|run| run.subject.url),
        run.map(|run| run.stage.as_str()),
        run.map(|run| run.role.as_str()),
        run.map(|run| run.defaults.locale.as_str()),
        run.map(|run| run.model),
        run.map(|run| run.branch),
        run.map(|run| run.base_branch),
        run.map(|run| run.namespace),
        run.map(|run| run.started_by.0),
        run.map(|run| run.limits.0),
        run.map(|run| run.limits.1),
        end.map(|end| end.run.0),
        columns.because(),
        end.map(|end| end.reason.as_str()),
        end.is_some_and(|end| end.only_unclaimed),
        entry.map(|entry| entry.id),
        entry.map(|entry| entry.kind.as_str()),
        entry.map(|entry| entry.actor.as_str()),
        entry.map(|entry| &entry.data),
        entry.map(|entry| entry.canonical.as_slice()),
        Uuid::now_v7(),
        &commentable,
        run.and_then(|run| run.effort),
        run.map(|run| run.subject.number),
        run.map(|run| run.kind),
        run.and_then(|run| run.resumes).map(|id| id.0),
        run.is_some_and(|run| run.revises),
        run.and_then(|run| run.reviews).map(|id| id.0),
        run.and_then(|run| run.pull).map(|(number, _)| number),
        run.and_then(|run| run.pull).map(|(_, url)| url),
        touched.and_then(|(_, run)| run).map(|run| run.0),
        columns.labels(),
        Uuid::now_v7()
    )
    .fetch_optional(db)
    .await
}

/// Counts a repeat of a delivery and answers how the first was stored.
///
/// # Errors
/// The database's.
pub(super) async fn count_duplicate(
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
