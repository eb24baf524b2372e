//! What the earlier runs of an issue say: which stage a request for changes means, which run it takes up again, and what
//! was accepted.

use std::collections::HashSet;

use crate::ids::RunId;
use crate::labels::{self, Label};
use crate::stages::Stage;

/// A run of the issue that is not active any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// The run.
    pub id: RunId,
    /// Its stage.
    pub stage: Stage,
    /// The pull request that it opened or changed.
    pub pull: Option<i64>,
    /// It handed its work in; otherwise it failed or was stopped.
    pub handed_in: bool,
    /// Its result still waits for the owner's review.
    pub waits: bool,
}

/// What there is to go by.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Number of the pull request.
    pub pull: i64,
    /// Labels of the pull request.
    pub pull_labels: &'a [String],
    /// Labels of the issue that it belongs to.
    pub issue_labels: &'a [String],
    /// Runs of that issue, the newest first.
    pub earlier: &'a [Earlier],
}

/// Nothing says which stage is meant, or several things do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ambiguous;

/// Which stage a review of a pull request means: a stage label on the pull request, else the stages of the runs that
/// made it, else a stage label on the issue, else the last run of the pull request, else the last of the issue.
///
/// # Errors
/// When the first of these that says anything names several stages, or none says anything.
pub fn stage(evidence: &Evidence<'_>) -> Result<Stage, Ambiguous> {
    let Evidence { pull, pull_labels, issue_labels, earlier } = *evidence;
    let of_pull = || earlier.iter().filter(|run| run.pull == Some(pull));
    let said = [
        stages_of(pull_labels),
        distinct(of_pull().filter(|run| run.handed_in).map(|run| run.stage)),
        stages_of(issue_labels),
        distinct(of_pull().take(1).map(|run| run.stage)),
        distinct(earlier.iter().take(1).map(|run| run.stage)),
    ];
    match said.iter().find(|stages| !stages.is_empty()).map(Vec::as_slice) {
        Some(&[stage]) => Ok(stage),
        _ => Err(Ambiguous),
    }
}

/// The run whose session, branch and pull request a revise of a pull request takes up: the newest of the stage, else
/// the newest of all that worked on it.
#[must_use]
pub fn of_pull(stage: Stage, pull: i64, earlier: &[Earlier]) -> Option<RunId> {
    let worked = |run: &&Earlier| run.pull == Some(pull);
    let same = earlier.iter().filter(worked).find(|run| run.stage == stage);
    same.or_else(|| earlier.iter().find(worked)).map(|run| run.id)
}

/// The run that a label asks to revise: the newest of that stage that handed something in.
#[must_use]
pub fn of_stage(stage: Stage, earlier: &[Earlier]) -> Option<RunId> {
    earlier.iter().find(|run| run.stage == stage && run.handed_in).map(|run| run.id)
}

/// The run that is to be tried again: of this stage, and ended without handing anything in.
#[must_use]
pub fn retried(run: RunId, stage: Stage, earlier: &[Earlier]) -> Option<RunId> {
    earlier.iter().find(|one| one.id == run && one.stage == stage && !one.handed_in).map(|one| one.id)
}

/// The stages whose work was accepted. The newest run of a pull request decides: older ones were taken up again.
#[must_use]
pub fn accepted(earlier: &[Earlier]) -> Vec<Stage> {
    let mut seen = HashSet::new();
    let newest = earlier.iter().filter(|run| run.pull.is_some_and(|pull| seen.insert(pull)));
    newest.filter(|run| run.handed_in && !run.waits).map(|run| run.stage).collect()
}

fn stages_of(labels: &[String]) -> Vec<Stage> {
    distinct(labels.iter().filter_map(|label| match labels::read(label) {
        Label::Run(stage) | Label::Revise(stage) => Some(stage),
        _ => None,
    }))
}

fn distinct(stages: impl Iterator<Item = Stage>) -> Vec<Stage> {
    let mut stages: Vec<_> = stages.collect();
    stages.sort_unstable();
    stages.dedup();
    stages
}

#[cfg(test)]
mod tests {
    use super::*;

    const PULL: i64 = 8;

    fn run(stage: Stage, pull: Option<i64>, handed_in: bool) -> Earlier {
        Earlier { id: RunId::new(), stage, pull, handed_in, waits: false }
    }

    fn resolved(pull_labels: &[&str], issue_labels: &[&str], earlier: &[Earlier]) -> Result<Stage, Ambiguous> {
        let owned = |labels: &[&str]| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (pull_labels, issue_labels) = (owned(pull_labels), owned(issue_labels));
        stage(&Evidence { pull: PULL, pull_labels: &pull_labels, issue_labels: &issue_labels, earlier })
    }

    #[test]
    fn every_branch_of_the_order() {
        let (dev, plan) = (run(Stage::Dev, Some(PULL), true), run(Stage::Plan, Some(PULL), true));
        let (failed, other) = (run(Stage::Qa, Some(PULL), false), run(Stage::Arch, Some(3), true));
        type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [Earlier], Result<Stage, Ambiguous>);
        let table: [Row<'_>; 12] = [
            ("one label on the pull request", &["bug", "run:qa"], &["run:plan"], &[dev], Ok(Stage::Qa)),
            ("its revise form", &["run:qa:revise"], &[], &[dev], Ok(Stage::Qa)),
            ("two labels on it", &["run:qa", "run:dev"], &[], &[dev], Err(Ambiguous)),
            ("both forms of one", &["run:qa", "run:qa:revise"], &[], &[], Ok(Stage::Qa)),
            ("the runs that made it", &[], &["run:plan"], &[other, dev], Ok(Stage::Dev)),
            ("several made it", &[], &["run:plan"], &[dev, plan], Err(Ambiguous)),
            ("one made it, another failed on it", &[], &[], &[failed, dev], Ok(Stage::Dev)),
            ("the issue's label", &[], &["run:plan", "bug"], &[failed, other], Ok(Stage::Plan)),
            ("two on the issue", &[], &["run:plan", "run:dev"], &[failed], Err(Ambiguous)),
            ("the last run of the pull request", &[], &[], &[other, failed], Ok(Stage::Qa)),
            ("the last run of the issue", &[], &["run:debug"], &[other], Ok(Stage::Arch)),
            ("nothing", &["bug"], &[], &[], Err(Ambiguous)),
        ];
        for (why, pull_labels, issue_labels, earlier, expected) in table {
            assert_eq!(resolved(pull_labels, issue_labels, earlier), expected, "{why}");
        }
    }

    #[test]
    fn a_revise_takes_up_the_newest_run_of_its_stage() {
        let (newest, dev, older) =
            (run(Stage::Qa, Some(PULL), true), run(Stage::Dev, Some(PULL), true), run(Stage::Dev, Some(PULL), true));
        let failed = run(Stage::Dev, None, false);
        let earlier = [failed, newest, dev, older];
        assert_eq!(of_pull(Stage::Dev, PULL, &earlier), Some(dev.id));
        assert_eq!(of_pull(Stage::Plan, PULL, &earlier), Some(newest.id));
        assert_eq!(of_pull(Stage::Dev, 3, &earlier), None);
        assert_eq!(of_stage(Stage::Dev, &earlier), Some(dev.id));
        assert_eq!(of_stage(Stage::Plan, &earlier), None);
    }

    #[test]
    fn accepted_is_what_was_merged_and_not_what_is_being_revised() {
        let plan = run(Stage::Plan, Some(PULL), true);
        let waiting = Earlier { waits: true, ..plan };
        let (failed, elsewhere) = (Earlier { handed_in: false, ..plan }, run(Stage::Intake, Some(3), true));
        let table: [(&str, &[Earlier], &[Stage]); 6] = [
            ("merged", &[plan, elsewhere], &[Stage::Plan, Stage::Intake]),
            ("it waits", &[waiting], &[]),
            ("its revise waits", &[waiting, plan], &[]),
            ("its revise was merged", &[plan, plan], &[Stage::Plan]),
            ("its revise failed", &[failed, plan], &[]),
            ("no pull request", &[run(Stage::Dev, None, false)], &[]),
        ];
        for (why, earlier, expected) in table {
            assert_eq!(accepted(earlier), expected, "{why}");
        }
    }
}
