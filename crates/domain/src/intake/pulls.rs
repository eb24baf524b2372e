//! What an event of a pull request does.

use super::{Decision, Facts, Start, Task, keep, permitted, release};
use crate::catalogue::Catalogue;
use crate::choice::{self, Choice};
use crate::event::{Pull, Verdict};
use crate::ids::RunId;
use crate::labels::{self, Label};
use crate::reasons::IntakeReason;
use crate::revision::{self, Earlier, Evidence};
use crate::settlement::{self, Settlement};
use crate::stages::Stage;

/// The stage as which a pull request is looked at that no run made.
const STAGE_OF_PEOPLES: Stage = Stage::Dev;

/// `need:reviewer` has the pull request looked at, whoever made it.
pub(super) fn labelled(facts: &Facts<'_>, label: &str, pull: &Pull) -> Result<Decision, IntakeReason> {
    if labels::read(label) == Label::Keep {
        return keep(facts);
    }
    if label != labels::NEED_REVIEWER {
        return Err(IntakeReason::NotTriggerLabel);
    }
    permitted(facts)?;
    if !pull.open {
        return Err(IntakeReason::IssueClosed);
    }
    let made = of_pull(facts, pull).next();
    if made.is_none() && !pull.head_is_here {
        // The branch lies in a fork, where the platform has no right to look.
        return Err(IntakeReason::EventNotHandled);
    }
    let stage = made.map_or(STAGE_OF_PEOPLES, |run| run.stage);
    Ok(Decision::Start(Start { task: Task::Review(made.map(|run| run.id)), stage, choice: choice_of(facts, pull)? }))
}

/// Of the labels that are taken off a pull request, one says something.
pub(super) fn unlabelled(facts: &Facts<'_>, label: &str) -> Result<Decision, IntakeReason> {
    if labels::read(label) == Label::Keep { release(facts) } else { Err(IntakeReason::NotTriggerLabel) }
}

/// A merge accepts what waits, another end says that it is not wanted. Whoever may do it on GitHub decides.
pub(super) fn closed(facts: &Facts<'_>, merged: bool, pull: &Pull) -> Decision {
    let Some(made) = of_pull(facts, pull).next() else { return Decision::Ignore(IntakeReason::EventNotHandled) };
    let (how, supersedes) = if merged {
        let earlier = &facts.history.earlier;
        (Settlement::Merged, settlement::superseded(pull.number, earlier, Catalogue::builtin()))
    } else {
        (Settlement::Closed, Vec::new())
    };
    Decision::Settle { how, run: made.id, supersedes }
}

/// A review of a pull request that a run made: the owner's word about it. Others are none of the platform's business.
pub(super) fn reviewed(facts: &Facts<'_>, verdict: Verdict, pull: &Pull) -> Result<Decision, IntakeReason> {
    of_pull(facts, pull).next().ok_or(IntakeReason::EventNotHandled)?;
    permitted(facts)?;
    match verdict {
        Verdict::Approved => {
            let waits = of_pull(facts, pull).find(|run| run.waits).ok_or(IntakeReason::EventNotHandled)?;
            Ok(Decision::Settle { how: Settlement::Approved, run: waits.id, supersedes: Vec::new() })
        }
        Verdict::ChangesRequested => {
            let (stage, run) = revised(facts, pull)?;
            Ok(Decision::Start(Start { task: Task::Revise(run), stage, choice: choice_of(facts, pull)? }))
        }
    }
}

fn revised(facts: &Facts<'_>, pull: &Pull) -> Result<(Stage, RunId), IntakeReason> {
    if !pull.open {
        return Err(IntakeReason::IssueClosed);
    }
    if facts.active.is_some() {
        return Err(IntakeReason::RunAlreadyActive);
    }
    if facts.history.issue_labels.iter().chain(&pull.labels).any(|label| labels::holds_up(label)) {
        return Err(IntakeReason::StageNotReady);
    }
    let evidence = Evidence {
        pull: pull.number,
        pull_labels: &pull.labels,
        issue_labels: &facts.history.issue_labels,
        earlier: &facts.history.earlier,
    };
    let stage = revision::stage(&evidence).map_err(|_| IntakeReason::StageAmbiguous)?;
    let run = revision::of_pull(stage, pull.number, evidence.earlier).ok_or(IntakeReason::StageAmbiguous)?;
    Ok((stage, run))
}

fn of_pull<'a>(facts: &Facts<'a>, pull: &Pull) -> impl Iterator<Item = &'a Earlier> {
    let number = pull.number;
    facts.history.earlier.iter().filter(move |run| run.pull == Some(number))
}

fn choice_of(facts: &Facts<'_>, pull: &Pull) -> Result<Choice, IntakeReason> {
    choice::choose_for_pull(&pull.labels, &facts.history.issue_labels, facts.models)
        .map_err(|_| IntakeReason::ModelLabelConflict)
}
