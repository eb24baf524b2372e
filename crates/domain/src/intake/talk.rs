//! What people say on an issue that carries `mode:discussion`, and when the talk is over.

use super::{Decision, Facts, concerns_us, permitted};
use crate::coded_enum;
use crate::event::{Event, Issue};
use crate::labels::{self, Label};
use crate::locale::Locale;
use crate::reasons::IntakeReason;

coded_enum! {
    /// Why a discussion is over. The next comment then begins another one, if it may.
    TalkEnd {
        /// The issue was closed or deleted.
        IssueEnded = "issue_ended",
        /// The label was taken off.
        Unlabelled = "unlabelled",
        /// The label of a stage came: now there is work instead of words.
        Stage = "stage",
        /// Nobody said anything for hours.
        Idle = "idle",
    }
}

impl TalkEnd {
    /// For the ledger, where the event does nothing else.
    #[must_use]
    pub const fn because(self) -> IntakeReason {
        match self {
            Self::IssueEnded => IntakeReason::IssueEnded,
            Self::Unlabelled | Self::Stage | Self::Idle => IntakeReason::DiscussionEnded,
        }
    }

    /// Why an answer that was being written is not given.
    #[must_use]
    pub const fn words(self, locale: Locale) -> &'static str {
        let (en, ru) = match self {
            Self::IssueEnded => ("the issue was closed", "задачу закрыли"),
            Self::Unlabelled => ("mode:discussion was taken off", "метку mode:discussion сняли"),
            Self::Stage => ("a stage's label came", "поставили метку этапа"),
            Self::Idle => ("nobody said anything for hours", "обсуждение давно затихло"),
        };
        match locale {
            Locale::En => en,
            Locale::Ru => ru,
        }
    }
}

/// A comment goes to the agent where the label lies and no stage is being worked on. Who may start runs is heard.
pub(super) fn commented(facts: &Facts<'_>, issue: &Issue) -> Result<Decision, IntakeReason> {
    if !issue.labels.iter().any(|label| labels::read(label) == Label::Discussion) {
        return Err(IntakeReason::EventNotHandled);
    }
    permitted(facts)?;
    if !issue.open {
        return Err(IntakeReason::IssueClosed);
    }
    if facts.active.is_some() {
        return Err(IntakeReason::RunAlreadyActive);
    }
    Ok(Decision::Hear)
}

/// Why the issue's discussion is over with this event, if one is going on; whatever else the event does. The label of a
/// stage ends it also where it starts nothing: somebody wants work now, and is told what stands in its way.
#[must_use]
pub fn ends_talk(facts: &Facts<'_>) -> Option<TalkEnd> {
    if !facts.talks || concerns_us(facts).is_err() {
        return None;
    }
    match &facts.delivered.event {
        Event::IssueEnded { .. } => Some(TalkEnd::IssueEnded),
        Event::Unlabeled { label, .. } => (labels::read(label) == Label::Discussion).then_some(TalkEnd::Unlabelled),
        Event::Labeled { label, .. } => {
            matches!(labels::read(label), Label::Run(_) | Label::Revise(_)).then_some(TalkEnd::Stage)
        }
        _ => None,
    }
}
