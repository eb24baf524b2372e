//! What a delivery moves beside its own row, in the same transaction.

use chrono::{DateTime, Utc};
use domain::event::{Delivered, Event};
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::intake::{Decision, Start, TalkEnd, Task};
use domain::labels::{self, Label};
use domain::reasons::IntakeReason;
use domain::settlement::Settlement;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::answers::Answered;
use super::facts::Facts;
use super::plan::Planned;
use super::record::{self, Effect, Intake, Stored};
use super::{GITHUB_API, Wish, login};
use crate::approvals::relabel::{self, Relabelled};
use crate::discussions::{self, Heard};
use crate::runs::settle::{self, Settled};
use crate::runs::{clearing, keeping, ownership};
use crate::{approvals, flow, outbound};

/// What moves in the same transaction as the delivery, unless that is ignored; a discussion ends even then.
pub(super) struct Beside<'a> {
    /// What it decides about a pull request.
    pub(super) settled: Option<Settled<'a>>,
    /// The run whose work is revised, and the run that does it.
    pub(super) continues: Option<(RunId, RunId)>,
    /// Whether namespaces are kept from now on; `None`: as before.
    pub(super) keeps: Option<bool>,
    /// The issue is over.
    pub(super) clears: bool,
    /// What it answers.
    pub(super) answers: Option<Answered<'a>>,
    /// A comment that the issue's discussion hears.
    pub(super) heard: Option<Heard<'a>>,
    /// Why the issue's discussion is over.
    pub(super) ends_talk: Option<TalkEnd>,
    /// The issue's words changed.
    pub(super) edits: bool,
    /// The label that says who approves what agents ask leave for was moved.
    pub(super) relabels: Option<Relabels<'a>>,
    /// What somebody at the console wants.
    pub(super) wish: Option<&'a Wish>,
}

/// A label that says who approves was put on or taken off.
pub(super) struct Relabels<'a> {
    label: &'a str,
    at: Option<DateTime<Utc>>,
    /// It lies there now.
    asks_owner: bool,
}

/// What a delivery comes to.
pub(super) struct Case<'a> {
    pub(super) decision: &'a Decision,
    pub(super) delivered: &'a Delivered,
    pub(super) facts: &'a Facts,
    /// The run that it starts.
    pub(super) started: Option<&'a Planned<'a>>,
}

impl<'a> Beside<'a> {
    /// What follows from the decision.
    pub(super) fn of(intake: &Intake<'a>, case: &Case<'a>) -> Self {
        let Case { decision, delivered, started, .. } = *case;
        Self {
            settled: settled(intake, case),
            continues: continues(decision).zip(started.map(|started| started.run)),
            keeps: keeps(decision, delivered),
            clears: clears(decision),
            answers: Answered::of(intake, case),
            heard: heard(intake, case),
            ends_talk: None,
            edits: edits(decision, delivered),
            relabels: relabels(decision, delivered),
            wish: None,
        }
    }
}

impl Beside<'_> {
    const fn is_nothing(&self) -> bool {
        self.settled.is_none()
            && self.continues.is_none()
            && self.keeps.is_none()
            && self.answers.is_none()
            && self.heard.is_none()
            && self.relabels.is_none()
            && self.ends_talk.is_none()
            && self.wish.is_none()
            && !self.clears
            && !self.edits
    }

    /// What becomes of requests, before the ledger tells it. An answer may come too late; and what agents ask leave for on
    /// an issue whose words changed is about something else now, which may be all that the delivery does.
    async fn decide<'i>(&self, db: &mut PgConnection, intake: &Intake<'i>) -> Result<Intake<'i>, sqlx::Error> {
        let mut intake = intake.clone();
        if let Some(answers) = &self.answers
            && !answers.give(&mut *db).await?
        {
            intake.effect = Effect::Ignore(IntakeReason::AnswerLate);
        }
        if let (true, Some(repository), Some(issue)) = (self.edits, intake.repository, intake.subject_number) {
            let actor = format!("user:{}", intake.sender_login.unwrap_or_default());
            let entry = flow::Entry::new(FlowKind::RequestStale, actor, json!({ "number": issue }));
            let outdated = approvals::outdate(&mut *db, repository, issue, &entry).await?;
            if !outdated.is_empty() && matches!(intake.effect, Effect::Ignore(_)) {
                intake.effect = Effect::Talk(IntakeReason::RequestsStale);
            }
        }
        if let Some(run) = self.relabel(&mut *db, &intake).await? {
            intake.effect = Effect::Rule(run);
        }
        Ok(intake)
    }

    /// Says anew who approves what is asked there; answers the first run whose requests are another matter now.
    async fn relabel(&self, db: &mut PgConnection, intake: &Intake<'_>) -> Result<Option<RunId>, sqlx::Error> {
        let (Some(relabels), Some(repository), Some(number)) =
            (&self.relabels, intake.repository, intake.subject_number)
        else {
            return Ok(None);
        };
        let Relabels { label, at, asks_owner } = *relabels;
        let actor = format!("user:{}", intake.sender_login.unwrap_or_default());
        let moved = Relabelled { repository, number, label, at, asks_owner, actor: &actor };
        Ok(relabel::rule(db, &moved).await?.into_iter().next())
    }

    /// Ends the issue's discussion, whatever else the delivery does.
    async fn end_talk(&self, db: &mut PgConnection, intake: &Intake<'_>) -> Result<(), sqlx::Error> {
        match (self.ends_talk, intake.repository, intake.subject_number) {
            (Some(end), Some(repository), Some(issue)) => {
                discussions::end(db, repository, issue, end, intake.sender_login.unwrap_or_default()).await
            }
            _ => Ok(()),
        }
    }

    async fn carry_out(&self, db: &mut PgConnection, intake: &Intake<'_>) -> Result<(), sqlx::Error> {
        if let Some(heard) = &self.heard {
            discussions::hear(&mut *db, heard).await?;
        }
        if let Some(settled) = &self.settled {
            settle::settle(&mut *db, settled).await?;
        }
        let actor = format!("user:{}", intake.sender_login.unwrap_or_default());
        if let Some((revised, run)) = self.continues {
            ownership::take_over(&mut *db, revised, run, &actor).await?;
        }
        let (Some(repository), Some(subject)) = (intake.repository, intake.subject_number) else { return Ok(()) };
        match self.keeps {
            Some(true) => keeping::keep(&mut *db, repository, subject, &actor).await?,
            Some(false) => keeping::release(&mut *db, repository, subject, &actor).await?,
            None => {}
        }
        if self.clears {
            clearing::clear(&mut *db, repository, subject, &actor).await?;
        }
        if let Some(wish) = self.wish {
            let key = format!("delivery:{}:labels", intake.id);
            outbound::want_labels(&mut *db, repository, subject, &key, &wish.labels).await?;
        }
        Ok(())
    }
}

/// Stores the delivery with what is beside it.
pub(super) async fn keep(
    db: &mut PgConnection,
    intake: &Intake<'_>,
    beside: &Beside<'_>,
) -> Result<Option<Stored>, sqlx::Error> {
    if beside.is_nothing() {
        return record::store(db, intake).await;
    }
    let mut all = db.begin().await?;
    let intake = &beside.decide(&mut all, intake).await?;
    let stored = record::store(&mut *all, intake).await?;
    if let Some(stored) = &stored {
        beside.end_talk(&mut all, intake).await?;
        // A revise that came too late has taken up nothing.
        if stored.decision != "ignored" {
            beside.carry_out(&mut all, intake).await?;
        }
    }
    // A repeat changes nothing.
    if stored.is_some() {
        all.commit().await?
    } else {
        all.rollback().await?
    }
    Ok(stored)
}

/// What the delivery decides about a pull request, if it does.
fn settled<'a>(intake: &Intake<'a>, case: &Case<'a>) -> Option<Settled<'a>> {
    let Case { decision, delivered, started, .. } = *case;
    let (how, pull, supersedes) = match decision {
        Decision::Settle { how, supersedes, .. } => (*how, delivered.pull()?.number, supersedes.as_slice()),
        Decision::Start(Start { task: Task::Revise(_), .. }) => {
            (Settlement::TakenUp, started?.earlier.as_ref()?.1.pr_number?, [].as_slice())
        }
        _ => return None,
    };
    let (by, delivery, is_found) = (login(delivered), intake.id, intake.source == GITHUB_API);
    Some(Settled { repository: intake.repository?, pull, how, supersedes, by, delivery, is_found })
}

/// The comment that the delivery brings to the issue's discussion, if it does.
fn heard<'a>(intake: &Intake<'a>, case: &Case<'a>) -> Option<Heard<'a>> {
    let Case { decision, delivered, facts, .. } = *case;
    let (Decision::Hear, Event::Commented { comment, issue }) = (decision, &delivered.event) else { return None };
    let (sender, person) = (delivered.sender.as_ref()?, facts.person?);
    Some(Heard {
        repository: intake.repository?,
        issue,
        comment,
        delivery: intake.id,
        said_by: person.user_id,
        author: sender.github_id,
        login: &sender.login,
    })
}

/// The run whose session, branch, pull request and namespace a start continues. What is tried again after it went wrong
/// begins in a namespace of its own: the old one may be what went wrong.
const fn continues(decision: &Decision) -> Option<RunId> {
    match decision {
        Decision::Start(Start { task: Task::Revise(revised), .. }) => Some(*revised),
        _ => None,
    }
}

/// Whether the event says that namespaces are kept, or not any more. Where a run starts, its labels tell of the one that
/// was put on while there was nothing to keep.
fn keeps(decision: &Decision, delivered: &Delivered) -> Option<bool> {
    let lies = || delivered.labels().iter().any(|label| labels::read(label) == Label::Keep);
    match decision {
        Decision::Keep { keep, .. } => Some(*keep),
        Decision::Start(_) => lies().then_some(true),
        _ => None,
    }
}

/// The label that says who approves, if it was moved. It counts as it lies, whoever moved it, as it does when an agent asks.
fn relabels<'a>(decision: &Decision, delivered: &'a Delivered) -> Option<Relabels<'a>> {
    let label = delivered.label().filter(|label| labels::asks_owner(label))?;
    let counts = matches!(decision, Decision::Ignore(IntakeReason::NotTriggerLabel));
    let asks_owner = delivered.labels().iter().any(|label| labels::asks_owner(label));
    counts.then_some(Relabels { label, at: delivered.object_time, asks_owner })
}

/// Whether the words of an issue changed, and nobody replays or plays it.
const fn edits(decision: &Decision, delivered: &Delivered) -> bool {
    let counts = matches!(decision, Decision::Ignore(IntakeReason::EventNotHandled) | Decision::End { .. });
    counts && matches!(delivered.event, Event::IssueEdited { .. })
}

/// Whether the end of an issue cuts the time of its namespaces short.
const fn clears(decision: &Decision) -> bool {
    matches!(
        decision,
        Decision::Clear { .. }
            | Decision::End { because: IntakeReason::IssueEnded, .. }
            | Decision::EndTalk(TalkEnd::IssueEnded)
    )
}
