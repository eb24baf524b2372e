//! What can come after a run, for people who do not know the labels: each step with the label that does it and with what
//! that changes.

use std::fmt;
use std::str::FromStr;

use crate::catalogue::Catalogue;
use crate::labels;
use crate::run::RunStatus;
use crate::stages::Stage;

/// Stages that may follow any other.
const ANYTIME: [Stage; 3] = [Stage::DocAudit, Stage::SelfImprove, Stage::Rethink];
const STAGE: &str = "stage-";

/// Something that can come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The stage's work once more, with what was said about it.
    Revise,
    /// Another look by the reviewer.
    Review,
    /// The same stage again, in the session that failed.
    Retry,
    /// Another stage.
    Stage(Stage),
}

impl NextStep {
    /// The label that does it, on the issue; of a review, on the pull request.
    #[must_use]
    pub fn label(self, of: Stage) -> String {
        match self {
            Self::Revise => labels::revise(of),
            Self::Review => labels::NEED_REVIEWER.to_owned(),
            Self::Retry => labels::run(of),
            Self::Stage(next) => labels::run(next),
        }
    }

    /// Whether the label belongs on the pull request.
    #[must_use]
    pub const fn is_on_pull(self) -> bool {
        matches!(self, Self::Review)
    }
}

/// The stable code: `revise`, `review`, `retry`, `stage-<stage>`.
impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revise => f.write_str("revise"),
            Self::Review => f.write_str("review"),
            Self::Retry => f.write_str("retry"),
            Self::Stage(stage) => write!(f, "{STAGE}{stage}"),
        }
    }
}

/// There is no step of this code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such step")]
pub struct UnknownStep;

impl FromStr for NextStep {
    type Err = UnknownStep;

    fn from_str(code: &str) -> Result<Self, UnknownStep> {
        match code {
            "revise" => Ok(Self::Revise),
            "review" => Ok(Self::Review),
            "retry" => Ok(Self::Retry),
            other => {
                let stage = other.strip_prefix(STAGE).ok_or(UnknownStep)?;
                stage.parse().map(Self::Stage).map_err(|_| UnknownStep)
            }
        }
    }
}

/// A run that something may follow.
#[derive(Debug, Clone, Copy)]
pub struct Finished {
    /// It did the work of its stage; nothing follows a review.
    pub is_stage: bool,
    /// Its stage.
    pub stage: Stage,
    /// Where it stands.
    pub status: RunStatus,
    /// It has a pull request.
    pub has_pull: bool,
}

/// What can come after a run, the likeliest first.
#[must_use]
pub fn after(run: &Finished, catalogue: &Catalogue) -> Vec<NextStep> {
    if !run.is_stage {
        return Vec::new();
    }
    let onward = || {
        let along = catalogue.after(run.stage);
        let anytime = ANYTIME.into_iter().filter(|stage| *stage != run.stage && !along.contains(stage));
        along.iter().copied().chain(anytime).map(NextStep::Stage).collect::<Vec<_>>()
    };
    match run.status {
        RunStatus::WaitingOwnerReview => [vec![NextStep::Revise, NextStep::Review], onward()].concat(),
        RunStatus::Succeeded if run.has_pull => [onward(), vec![NextStep::Revise]].concat(),
        RunStatus::Succeeded => onward(),
        RunStatus::Failed | RunStatus::TimedOut | RunStatus::Cancelled => [vec![NextStep::Retry], onward()].concat(),
        RunStatus::Pending | RunStatus::Running | RunStatus::WaitingMcp | RunStatus::WaitingBackpressure => Vec::new(),
    }
}

/// What a step changes about the labels of its issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelChange {
    /// Labels that come off: every other stage label.
    pub off: Vec<String>,
    /// The label that goes on.
    pub on: String,
}

/// The change that puts `target` on, given the labels that are there.
#[must_use]
pub fn change(step: NextStep, target: String, there: &[String]) -> LabelChange {
    let others = there.iter().filter(|label| !step.is_on_pull() && labels::is_stage_label(label) && **label != target);
    LabelChange { off: others.cloned().collect(), on: target }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(stage: Stage, status: RunStatus, has_pull: bool) -> String {
        let run = Finished { is_stage: true, stage, status, has_pull };
        after(&run, Catalogue::builtin()).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_follows_every_stage_along_every_path() {
        let table: Vec<_> = Stage::ALL
            .iter()
            .map(|&stage| format!("{stage}: {}", codes(stage, RunStatus::Succeeded, false).replace(STAGE, "")))
            .collect();
        assert_eq!(
            table,
            [
                "intake: vision prd plan doc-audit self-improve rethink",
                "vision: prd doc-audit self-improve rethink",
                "prd: arch design doc-audit self-improve rethink",
                "arch: design doc-audit self-improve rethink",
                "design: plan dev doc-audit self-improve rethink",
                "plan: dev doc-audit self-improve rethink",
                "dev: qa doc-audit self-improve rethink",
                "doc-audit: self-improve rethink",
                "qa: release doc-audit self-improve rethink",
                "release: postdeploy doc-audit self-improve rethink",
                "postdeploy: ops doc-audit self-improve rethink",
                "ops: doc-audit self-improve rethink",
                "self-improve: doc-audit rethink",
                "rethink: doc-audit self-improve",
            ]
        );
    }

    #[test]
    fn what_follows_every_outcome() {
        for &status in RunStatus::ALL {
            let codes =
                codes(Stage::Ops, status, true).replace("stage-doc-audit stage-self-improve stage-rethink", "…");
            let expected = match status {
                RunStatus::WaitingOwnerReview => "revise review …",
                RunStatus::Succeeded => "… revise",
                RunStatus::Failed | RunStatus::TimedOut | RunStatus::Cancelled => "retry …",
                _ => "",
            };
            assert_eq!(codes, expected, "{status}");
        }
        let review = Finished { is_stage: false, stage: Stage::Dev, status: RunStatus::Succeeded, has_pull: true };
        assert!(after(&review, Catalogue::builtin()).is_empty());
    }

    #[test]
    fn a_code_is_read_back() {
        for step in [NextStep::Revise, NextStep::Review, NextStep::Retry, NextStep::Stage(Stage::DocAudit)] {
            assert_eq!(step.to_string().parse(), Ok(step));
        }
        for code in ["", "stage-", "stage-debug", "Revise", "run:dev"] {
            assert_eq!(code.parse::<NextStep>(), Err(UnknownStep), "{code}");
        }
    }

    #[test]
    fn a_step_takes_every_other_stage_label_off_and_leaves_the_rest() {
        let there = ["run:dev", "run:qa:revise", "run:debug", "bug", "state:in-review"].map(str::to_owned);
        let step = NextStep::Stage(Stage::Qa);
        let expected = LabelChange { off: vec!["run:dev".into(), "run:qa:revise".into()], on: "run:qa".into() };
        assert_eq!(change(step, step.label(Stage::Dev), &there), expected);
        let reviewer = LabelChange { off: vec![], on: labels::NEED_REVIEWER.into() };
        assert_eq!(change(NextStep::Review, NextStep::Review.label(Stage::Dev), &there), reviewer);
        assert_eq!(NextStep::Revise.label(Stage::Dev), "run:dev:revise");
        assert_eq!(NextStep::Retry.label(Stage::Dev), "run:dev");
    }
}
