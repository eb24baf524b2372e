//! What was true when a run was started, read again right before its pod would be: nothing is spent on work that nobody
//! wants any more.

use crate::choice::{self, Choice};
use crate::coded_enum;
use crate::labels;
use crate::reasons::Reason;
use crate::rights::{self, Permission, PlatformRole, ProjectRole};
use crate::run::RunStatus;

/// The start of a run as it looks now: the issue on GitHub, the person on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// The issue is there and open.
    pub open: bool,
    /// Names of all labels that it carries.
    pub labels: &'a [String],
    /// Those of the run's pull request, which stand above them.
    pub pull_labels: &'a [String],
    /// The label that started the run; `None` when something else did.
    pub trigger: Option<&'a str>,
    /// The run only talks, which people may want just where work is held up.
    pub only_talks: bool,
    /// The platform itself is about to put that label on.
    pub trigger_is_coming: bool,
    /// Role of who started it on the platform; `None`: not a user any more.
    pub platform_role: Option<PlatformRole>,
    /// Their role in the project.
    pub project_role: Option<ProjectRole>,
    /// They still see the repository on GitHub, under the same account.
    pub sees_repository: bool,
    /// Models that a label may choose.
    pub models: &'a [String],
}

coded_enum! {
    /// What no longer holds.
    Lost {
        /// The issue was closed or deleted.
        IssueEnded = "issue_ended",
        /// The label that started the run was taken off.
        LabelGone = "label_gone",
        /// Who started it may not any more.
        Rights = "rights",
        /// The issue was blocked, or waits for a person's input.
        Blocked = "blocked",
        /// The labels choose two models or efforts, or one that is not allowed.
        ModelLabels = "model_labels",
    }
}

impl Lost {
    /// How the run ends. A person who takes back what they asked for cancels it; the rest is a condition that failed.
    #[must_use]
    pub const fn ending(self) -> (RunStatus, Reason) {
        match self {
            Self::IssueEnded | Self::LabelGone => (RunStatus::Cancelled, Reason::Cancelled),
            Self::Rights | Self::Blocked | Self::ModelLabels => (RunStatus::Failed, Reason::FailedPrecondition),
        }
    }
}

/// Whether the run may still start, and with which model and effort: the labels that are on the issue now count.
///
/// # Errors
/// The first condition that no longer holds.
pub fn check(live: &Live<'_>) -> Result<Choice, Lost> {
    if !live.open {
        return Err(Lost::IssueEnded);
    }
    let has = |name: &str| live.labels.iter().any(|label| label == name);
    if live.trigger.is_some_and(|trigger| !live.trigger_is_coming && !has(trigger)) {
        return Err(Lost::LabelGone);
    }
    let role = live.platform_role.and_then(|platform| rights::effective_role(platform, live.project_role));
    if !live.sees_repository || !role.is_some_and(|role| rights::allows(role, Permission::Run)) {
        return Err(Lost::Rights);
    }
    if !live.only_talks && live.labels.iter().chain(live.pull_labels).any(|label| labels::holds_up(label)) {
        return Err(Lost::Blocked);
    }
    choice::choose_for_pull(live.pull_labels, live.labels, live.models).map_err(|_| Lost::ModelLabels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Effort;

    fn verdict(labels: &[&str], change: impl FnOnce(&mut Live<'_>)) -> Result<Choice, Lost> {
        verdict_with(&[], labels, change)
    }

    fn verdict_with(pull: &[&str], labels: &[&str], change: impl FnOnce(&mut Live<'_>)) -> Result<Choice, Lost> {
        let owned = |labels: &[&str]| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (pull, labels) = (owned(pull), owned(labels));
        let models = ["gpt-5.5".to_owned()];
        let mut live = Live {
            open: true,
            labels: &labels,
            pull_labels: &pull,
            trigger: Some("run:dev"),
            only_talks: false,
            trigger_is_coming: false,
            platform_role: Some(PlatformRole::Member),
            project_role: Some(ProjectRole::ReadWrite),
            sees_repository: true,
            models: &models,
        };
        change(&mut live);
        check(&live)
    }

    #[test]
    fn the_labels_that_are_there_now_choose() {
        let choice = verdict(&["run:dev", "[ai-model-gpt-5.5]", "[ai-reasoning-high]"], |_| ());
        assert_eq!(choice, Ok(Choice { model: Some("gpt-5.5".into()), effort: Some(Effort::High) }));
        assert_eq!(verdict(&["run:dev"], |_| ()), Ok(Choice::default()));
    }

    #[test]
    fn every_condition_that_may_be_lost() {
        let on: &[&str] = &["run:dev"];
        let table = [
            (Lost::IssueEnded, verdict(on, |live| live.open = false)),
            (Lost::LabelGone, verdict(&["bug"], |_| ())),
            (Lost::Rights, verdict(on, |live| live.platform_role = None)),
            (Lost::Rights, verdict(on, |live| live.project_role = None)),
            (Lost::Rights, verdict(on, |live| live.project_role = Some(ProjectRole::Read))),
            (Lost::Rights, verdict(on, |live| live.sees_repository = false)),
            (Lost::Blocked, verdict(&["run:dev", labels::BLOCKED], |_| ())),
            (Lost::Blocked, verdict(&["run:dev", labels::NEED_INPUT], |_| ())),
            (Lost::ModelLabels, verdict(&["run:dev", "[ai-reasoning-low]", "[ai-reasoning-high]"], |_| ())),
            (Lost::ModelLabels, verdict(&["run:dev", "[ai-model-unheard-of]"], |_| ())),
        ];
        for (lost, verdict) in table {
            assert_eq!(verdict, Err(lost));
        }
    }

    #[test]
    fn the_labels_of_the_pull_request_count_too() {
        let choice = Choice { model: None, effort: Some(Effort::High) };
        assert_eq!(verdict_with(&["[ai-reasoning-high]"], &["run:dev", "[ai-reasoning-low]"], |_| ()), Ok(choice));
        assert_eq!(verdict_with(&[labels::BLOCKED], &["run:dev"], |_| ()), Err(Lost::Blocked));
    }

    #[test]
    fn a_run_without_a_label_needs_none_and_one_whose_label_is_coming_waits_for_none() {
        assert_eq!(verdict(&[], |live| live.trigger = None), Ok(Choice::default()));
        assert_eq!(verdict(&[], |live| live.trigger_is_coming = true), Ok(Choice::default()));
    }

    #[test]
    fn words_are_not_held_up_and_end_with_their_label() {
        let talk = |labels: &[&str]| {
            verdict(labels, |live| (live.trigger, live.only_talks) = (Some(labels::DISCUSSION), true))
        };
        assert_eq!(talk(&[labels::DISCUSSION, labels::NEED_INPUT]), Ok(Choice::default()));
        assert_eq!(talk(&[labels::NEED_INPUT]), Err(Lost::LabelGone));
    }

    #[test]
    fn what_a_person_took_back_is_cancelled_and_the_rest_has_failed() {
        for &lost in Lost::ALL {
            let (status, reason) = lost.ending();
            let cancelled = matches!(lost, Lost::IssueEnded | Lost::LabelGone);
            assert_eq!(status == RunStatus::Cancelled, cancelled, "{lost}");
            assert_eq!(reason == Reason::FailedPrecondition, !cancelled, "{lost}");
        }
    }
}
