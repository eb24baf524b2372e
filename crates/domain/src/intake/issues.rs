//! What an event of an issue does.

use super::{Decision, Facts, Start, TalkEnd, Task, end, keep, newest, permitted, release};
use crate::catalogue::Catalogue;
use crate::choice::{self, Choice};
use crate::event::Issue;
use crate::labels::{self, Label};
use crate::reasons::{IntakeReason, Reason};
use crate::revision;
use crate::stages::Stage;

pub(super) fn labelled(facts: &Facts<'_>, label: &str, issue: &Issue) -> Result<Decision, IntakeReason> {
    let (stage, revise) = match labels::read(label) {
        Label::Run(stage) => (stage, false),
        Label::Revise(stage) => (stage, true),
        Label::Keep => return keep(facts),
        _ => return Err(IntakeReason::NotTriggerLabel),
    };
    let choice = start(facts, label, issue)?;
    let earlier = &facts.history.earlier;
    let task = match facts.retries {
        Some(failed) => Task::Retry(revision::retried(failed, stage, earlier).ok_or(IntakeReason::StageNotReady)?),
        // Without work of this stage there is nothing that could be revised.
        None if revise => Task::Revise(revision::of_stage(stage, earlier).ok_or(IntakeReason::StageNotReady)?),
        None => Task::Work,
    };
    Ok(Decision::Start(Start { task, stage, choice }))
}

/// Whether a stage may start, and with what, or the first reason why not: first who asks, then what stands in the way.
fn start(facts: &Facts<'_>, trigger: &str, issue: &Issue) -> Result<Choice, IntakeReason> {
    permitted(facts)?;
    let in_order = facts.binding.is_some_and(|binding| binding.stage_order);
    let accepted = in_order.then(|| revision::accepted(&facts.history.earlier));
    let ground = Ground {
        open: issue.open,
        is_active: facts.active.is_some(),
        labels: &issue.labels,
        accepted: accepted.as_deref(),
    };
    if let Some(reason) = obstacle(trigger, &ground) {
        return Err(reason);
    }
    let labels = issue.labels.iter().map(String::as_str);
    choice::choose(labels, facts.models).map_err(|_| IntakeReason::ModelLabelConflict)
}

/// The issue on which a stage is to start.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// It is open.
    pub open: bool,
    /// It has an active run.
    pub is_active: bool,
    /// Its labels, that of the stage among them.
    pub labels: &'a [String],
    /// The stages whose work was accepted on it, where the project wants stages in their order.
    pub accepted: Option<&'a [Stage]>,
}

/// What stands in the way of the stage that a label starts.
#[must_use]
pub fn obstacle(trigger: &str, ground: &Ground<'_>) -> Option<IntakeReason> {
    if !ground.open {
        return Some(IntakeReason::IssueClosed);
    }
    if ground.is_active {
        return Some(IntakeReason::RunAlreadyActive);
    }
    if ground.labels.iter().any(|label| labels::is_stage_label(label) && label != trigger) {
        return Some(IntakeReason::LabelConflict);
    }
    let held_up = ground.labels.iter().any(|label| labels::holds_up(label));
    (held_up || is_out_of_order(trigger, ground.accepted)).then_some(IntakeReason::StageNotReady)
}

/// Where stages have an order, one of those that lead to a stage must have been accepted. What nothing leads to may start
/// at any time; what is revised has begun already.
fn is_out_of_order(trigger: &str, accepted: Option<&[Stage]>) -> bool {
    let (Label::Run(stage), Some(accepted)) = (labels::read(trigger), accepted) else { return false };
    let leading = Catalogue::builtin().leading_to(stage);
    !leading.is_empty() && !leading.iter().any(|earlier| accepted.contains(earlier))
}

pub(super) fn unlabelled(facts: &Facts<'_>, label: &str) -> Result<Decision, IntakeReason> {
    match (labels::read(label), facts.active) {
        (Label::Keep, _) => release(facts),
        (Label::Discussion, _) if facts.talks => Ok(Decision::EndTalk(TalkEnd::Unlabelled)),
        (_, Some(run)) if run.trigger.as_deref() == Some(label) && !run.claimed => {
            Ok(end(facts.active, IntakeReason::Unlabelled, Reason::Cancelled, true))
        }
        (Label::Run(_) | Label::Revise(_), _) => Err(IntakeReason::EventNotHandled),
        _ => Err(IntakeReason::NotTriggerLabel),
    }
}

/// Its active run ends, and what is left of the others goes, also where none is active.
pub(super) fn ended(facts: &Facts<'_>) -> Decision {
    match (facts.active, newest(facts)) {
        (None, Some(run)) => Decision::Clear { run },
        (None, None) if facts.talks => Decision::EndTalk(TalkEnd::IssueEnded),
        _ => end(facts.active, IntakeReason::IssueEnded, Reason::Cancelled, false),
    }
}
