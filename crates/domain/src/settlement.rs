//! What people decide about work that waits for the owner's review, and what follows from it.

use std::collections::HashSet;

use crate::catalogue::Catalogue;
use crate::flow::FlowKind;
use crate::ids::RunId;
use crate::labels;
use crate::locale::Words;
use crate::reasons::{IntakeReason, Reason};
use crate::revision::Earlier;
use crate::run::RunStatus;
use crate::stages::Stage;

/// What became of work that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// A person approved it; it waits on for the merge.
    Approved,
    /// Merged: accepted.
    Merged,
    /// Closed without a merge: not wanted.
    Closed,
    /// A later run takes it up again.
    TakenUp,
    /// A rethink takes its place.
    Superseded {
        /// The rethink's pull request.
        by: i64,
    },
}

/// What happens to the runs whose work it is, and to the labels on their issue and pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequence {
    /// How the waiting runs end; `None`: they wait on.
    pub status: Option<RunStatus>,
    /// Why, unless it went well.
    pub reason: Option<Reason>,
    /// Labels to take off.
    pub labels_off: &'static [&'static str],
    /// Labels to put on.
    pub labels_on: &'static [&'static str],
    /// The issue's labels follow too, not only those of the pull request.
    pub on_issue: bool,
    /// Nobody needs the namespaces of the pull request any more.
    pub ends_namespaces: bool,
    /// For the audit.
    pub flow: FlowKind,
}

impl Settlement {
    /// For the ledger, when an event of its own brings it.
    #[must_use]
    pub const fn because(self) -> Option<IntakeReason> {
        match self {
            Self::Approved => Some(IntakeReason::PullApproved),
            Self::Merged => Some(IntakeReason::PullMerged),
            Self::Closed => Some(IntakeReason::PullClosed),
            Self::TakenUp | Self::Superseded { .. } => None,
        }
    }

    /// What the runs that end by it say, where their reason does not say enough.
    #[must_use]
    pub fn detail(self) -> Option<Words> {
        match self {
            Self::Superseded { by } => Some(Words {
                en: format!("superseded by the rethink in #{by}"),
                ru: format!("заменено пересмотром (rethink) в #{by}"),
            }),
            _ => None,
        }
    }

    /// What follows from it.
    #[must_use]
    pub const fn consequence(self) -> Consequence {
        let nothing = Consequence {
            status: None,
            reason: None,
            labels_off: &[labels::IN_REVIEW],
            labels_on: &[],
            on_issue: true,
            ends_namespaces: false,
            flow: FlowKind::ReviewApproved,
        };
        match self {
            Self::Approved => Consequence { labels_on: &[labels::APPROVED], ..nothing },
            Self::Merged => Consequence {
                status: Some(RunStatus::Succeeded),
                ends_namespaces: true,
                flow: FlowKind::PullMerged,
                ..nothing
            },
            Self::Closed => Consequence {
                status: Some(RunStatus::Cancelled),
                reason: Some(Reason::Cancelled),
                labels_off: &[labels::IN_REVIEW, labels::APPROVED],
                ends_namespaces: true,
                flow: FlowKind::PullClosed,
                ..nothing
            },
            // What was there was good enough to go on from.
            Self::TakenUp => Consequence {
                status: Some(RunStatus::Succeeded),
                labels_off: &[labels::IN_REVIEW, labels::APPROVED, labels::SUPERSEDED],
                flow: FlowKind::RunTakenUp,
                ..nothing
            },
            // The issue goes on with the new plan.
            Self::Superseded { .. } => Consequence {
                status: Some(RunStatus::Cancelled),
                reason: Some(Reason::Cancelled),
                labels_off: &[labels::IN_REVIEW, labels::APPROVED],
                labels_on: &[labels::SUPERSEDED],
                on_issue: false,
                ends_namespaces: true,
                flow: FlowKind::RunSuperseded,
            },
        }
    }
}

/// Work that a rethink takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded {
    /// Its pull request.
    pub pull: i64,
    /// The newest run that handed it in.
    pub run: RunId,
}

/// What the merge of a pull request takes the place of: if a rethink made it, the plans that were there before. `earlier`
/// are the runs of its issue, the newest first.
#[must_use]
pub fn superseded(pull: i64, earlier: &[Earlier], catalogue: &Catalogue) -> Vec<Superseded> {
    let mut older = earlier.iter().skip_while(|run| run.pull != Some(pull));
    if older.next().is_none_or(|run| run.stage != Stage::Rethink) {
        return Vec::new();
    }
    let plans = older.filter(|run| run.handed_in && is_plan(run.stage, catalogue));
    let mut seen = HashSet::from([pull]);
    plans
        .filter_map(|run| Some(Superseded { pull: run.pull?, run: run.id }))
        .filter(|plan| seen.insert(plan.pull))
        .collect()
}

/// Whether a stage says what is to be done, so that a new plan makes it untrue: all that lead to the code, and an older
/// rethink. What is done and found by then (code, evidence, releases) stays what it is; the new plan says what becomes
/// of it.
fn is_plan(stage: Stage, catalogue: &Catalogue) -> bool {
    stage == Stage::Rethink || catalogue.comes_before(stage, Stage::Dev)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETHINK: i64 = 9;

    fn run(stage: Stage, pull: Option<i64>, handed_in: bool) -> Earlier {
        Earlier { id: RunId::new(), stage, pull, handed_in, waits: false }
    }

    fn pulls(earlier: &[Earlier]) -> Vec<i64> {
        superseded(RETHINK, earlier, Catalogue::builtin()).iter().map(|plan| plan.pull).collect()
    }

    #[test]
    fn a_rethink_supersedes_plans_and_nothing_else() {
        use Stage as S;
        let plans: Vec<_> = S::ALL.iter().copied().filter(|&stage| is_plan(stage, Catalogue::builtin())).collect();
        assert_eq!(plans, [S::Intake, S::Vision, S::Prd, S::Arch, S::Design, S::Plan, S::Rethink]);
        for &stage in S::ALL {
            let expected: &[i64] = if plans.contains(&stage) { &[3] } else { &[] };
            assert_eq!(pulls(&[run(S::Rethink, Some(RETHINK), true), run(stage, Some(3), true)]), expected, "{stage}");
        }
    }

    #[test]
    fn which_of_the_plans_a_rethink_supersedes() {
        let rethink = run(Stage::Rethink, Some(RETHINK), true);
        let plan = |pull| run(Stage::Plan, pull, true);
        let table: [(&str, Vec<Earlier>, &[i64]); 7] = [
            ("all that were there", vec![rethink, plan(Some(4)), run(Stage::Intake, Some(3), true)], &[4, 3]),
            ("one made later", vec![plan(Some(10)), rethink], &[]),
            ("each once", vec![rethink, plan(Some(4)), plan(Some(4))], &[4]),
            ("never its own", vec![rethink, plan(Some(RETHINK)), rethink], &[]),
            ("one that was not handed in", vec![rethink, run(Stage::Plan, Some(4), false), plan(None)], &[]),
            ("another stage was merged", vec![plan(Some(RETHINK)), run(Stage::Intake, Some(3), true)], &[]),
            ("nothing is known", vec![], &[]),
        ];
        for (why, earlier, expected) in table {
            assert_eq!(pulls(&earlier), expected, "{why}");
        }
        let revised = [rethink, plan(Some(4)), plan(Some(4))];
        let newest = Superseded { pull: 4, run: revised[1].id };
        assert_eq!(superseded(RETHINK, &revised, Catalogue::builtin()), [newest]);
    }

    #[test]
    fn work_that_gives_way_ends_and_says_to_what_and_its_issue_goes_on() {
        let how = Settlement::Superseded { by: RETHINK };
        let then = how.consequence();
        assert_eq!((then.status, then.reason), (Some(RunStatus::Cancelled), Some(Reason::Cancelled)));
        assert_eq!((then.labels_on, then.on_issue), (&[labels::SUPERSEDED][..], false));
        let said = how.detail().map(|words| words.en);
        assert_eq!((said.as_deref(), how.because()), (Some("superseded by the rethink in #9"), None));
    }
}
