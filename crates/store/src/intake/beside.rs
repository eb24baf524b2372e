//! What a delivery moves beside its own row, in the same transaction.

use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::intake::TalkEnd;
use domain::reasons::IntakeReason;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::Wish;
use super::record::{self, Effect, Intake, Stored};
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
    /// A comment that the issue's discussion hears.
    pub(super) heard: Option<Heard<'a>>,
    /// Why the issue's discussion is over.
    pub(super) ends_talk: Option<TalkEnd>,
    /// The issue's words changed.
    pub(super) edits: bool,
    /// What somebody at the console wants.
    pub(super) wish: Option<&'a Wish>,
}

impl Beside<'_> {
    const fn is_nothing(&self) -> bool {
        self.settled.is_none()
            && self.continues.is_none()
            && self.keeps.is_none()
            && self.heard.is_none()
            && self.ends_talk.is_none()
            && self.wish.is_none()
            && !self.clears
            && !self.edits
    }

    /// What agents ask leave for on an issue whose words changed is about something else now. When that is all that the
    /// delivery does, it is what the ledger tells.
    async fn outdate<'i>(&self, db: &mut PgConnection, intake: &Intake<'i>) -> Result<Intake<'i>, sqlx::Error> {
        let mut intake = intake.clone();
        if let (true, Some(repository), Some(issue)) = (self.edits, intake.repository, intake.subject_number) {
            let actor = format!("user:{}", intake.sender_login.unwrap_or_default());
            let entry = flow::Entry::new(FlowKind::RequestStale, actor, json!({ "number": issue }));
            let outdated = approvals::outdate(db, repository, issue, &entry).await?;
            if !outdated.is_empty() && matches!(intake.effect, Effect::Ignore(_)) {
                intake.effect = Effect::Talk(IntakeReason::RequestsStale);
            }
        }
        Ok(intake)
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
    let intake = &beside.outdate(&mut all, intake).await?;
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
