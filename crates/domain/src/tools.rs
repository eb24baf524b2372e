//! The tools that an agent acts through: which there are, and on what one may be used. What each takes is in the
//! contract (`x-mcp-tools` of `openapi/agent.yaml`).

mod about;
pub mod choice;

use std::collections::BTreeSet;

pub use about::{Asks, Category, HeldBy, RunKind, Seat};

use crate::coded_enum;
use crate::stages::{Right, Stage};
use crate::surroundings::Surroundings;

coded_enum! {
    /// A tool. Stable names: agents call them, the audit keeps them.
    Tool {
        /// Where the run is and what it is to do.
        RunContextGet = "run_context_get",
        /// What the agent is doing, in one line.
        RunStatusReport = "run_status_report",
        /// An issue of the repository.
        GithubIssueGet = "github_issue_get",
        /// A pull request of the repository.
        GithubPullRequestGet = "github_pull_request_get",
        /// What was said on an issue or pull request.
        GithubCommentsList = "github_comments_list",
        /// The labels on the run's own issue or pull request.
        GithubLabelsList = "github_labels_list",
        /// A question to the people who answer for the run.
        OwnerFeedbackRequest = "owner_feedback_request",
        /// Word to the people who answer for the run.
        UserNotify = "user_notify",
        /// A comment on the run's own issue or pull request.
        GithubCommentAdd = "github_comment_add",
        /// Labels on the run's own issue or pull request.
        GithubLabelsAdd = "github_labels_add",
        /// Labels off the run's own issue or pull request.
        GithubLabelsRemove = "github_labels_remove",
        /// Both at once.
        GithubLabelsTransition = "github_labels_transition",
        /// Objects of one kind in the run's namespace.
        K8sResourcesList = "k8s_resources_list",
        /// One of them.
        K8sResourceGet = "k8s_resource_get",
        /// What a container there has printed.
        K8sPodLogs = "k8s_pod_logs",
        /// What the cluster says has happened there.
        K8sEvents = "k8s_events",
        /// A command in a container there.
        K8sExec = "k8s_exec",
        /// An object there comes to say what a manifest says.
        K8sApply = "k8s_apply",
        /// An object there goes.
        K8sDelete = "k8s_delete",
        /// The pods of an object there are replaced, one after another.
        K8sRolloutRestart = "k8s_rollout_restart",
        /// A secret in an environment of the project, on GitHub and in the cluster.
        SecretSync = "secret_sync_github_k8s",
        /// A database for an environment of the project.
        DatabaseLifecycle = "database_lifecycle",
    }
}

impl Tool {
    /// Whether it changes something, or asks people to.
    const fn acts(self) -> bool {
        match self {
            Self::RunContextGet
            | Self::RunStatusReport
            | Self::GithubIssueGet
            | Self::GithubPullRequestGet
            | Self::GithubCommentsList
            | Self::GithubLabelsList
            | Self::K8sResourcesList
            | Self::K8sResourceGet
            | Self::K8sPodLogs
            | Self::K8sEvents => false,
            Self::OwnerFeedbackRequest
            | Self::UserNotify
            | Self::GithubCommentAdd
            | Self::GithubLabelsAdd
            | Self::GithubLabelsRemove
            | Self::GithubLabelsTransition
            | Self::K8sExec
            | Self::K8sApply
            | Self::K8sDelete
            | Self::K8sRolloutRestart
            | Self::SecretSync
            | Self::DatabaseLifecycle => true,
        }
    }

    /// What the run must be allowed to do in its namespace.
    const fn needs(self) -> Option<Right> {
        match self {
            Self::K8sResourcesList | Self::K8sResourceGet | Self::K8sEvents => Some(Right::Read),
            Self::K8sPodLogs => Some(Right::Logs),
            Self::K8sExec => Some(Right::Exec),
            Self::K8sApply | Self::K8sDelete | Self::K8sRolloutRestart => Some(Right::Change),
            Self::RunContextGet
            | Self::RunStatusReport
            | Self::GithubIssueGet
            | Self::GithubPullRequestGet
            | Self::GithubCommentsList
            | Self::GithubLabelsList
            | Self::OwnerFeedbackRequest
            | Self::UserNotify
            | Self::GithubCommentAdd
            | Self::GithubLabelsAdd
            | Self::GithubLabelsRemove
            | Self::GithubLabelsTransition
            | Self::SecretSync
            | Self::DatabaseLifecycle => None,
        }
    }

    /// Whether it is only for the work of some stages, and of which.
    const fn stages(self) -> Option<&'static [Stage]> {
        match self {
            Self::SecretSync | Self::DatabaseLifecycle => Some(&[Stage::Dev, Stage::Ops]),
            _ => None,
        }
    }
}

/// What decides which tools an agent has. One that it does not have answers like one that there is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// It talks with people: its last word is its answer, so it neither acts nor asks beside it.
    pub in_discussion: bool,
    /// The stage whose work it does; `None` for who looks at the work of others, or talks.
    pub works_on: Option<Stage>,
    /// Its environment, if it has one, and what it may look at there.
    pub surroundings: Surroundings,
    /// Tools that its policy takes away.
    pub off: BTreeSet<Tool>,
}

impl Holder {
    /// Whether the agent has a tool.
    #[must_use]
    pub fn has(&self, tool: Tool) -> bool {
        let needs = tool.needs();
        let is_off = self.off.contains(&tool) && !tool.is_always_had();
        let is_mute = self.in_discussion && tool.acts();
        let is_elsewhere =
            tool.stages().is_some_and(|stages| self.works_on.is_none_or(|stage| !stages.contains(&stage)));
        !(is_off || is_mute || is_elsewhere)
            && needs.is_none_or(|needed| self.surroundings.rights().any(|right| right == needed))
    }
}

/// What a run works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Its issue, or the pull request that it was started on.
    pub subject: i64,
    /// Its pull request, once there is one.
    pub pull: Option<i64>,
}

impl Own {
    /// The number that a call means, when it may only mean one of the run's own; without a number, the subject.
    #[must_use]
    pub fn meant(self, number: Option<i64>) -> Option<i64> {
        let meant = number.unwrap_or(self.subject);
        (meant == self.subject || Some(meant) == self.pull).then_some(meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::Mode;

    fn had(in_discussion: bool, mode: Mode, rights: &[Right]) -> Vec<Tool> {
        let works_on = (!in_discussion).then_some(Stage::Dev);
        let surroundings = Surroundings::of(mode, rights.iter().copied());
        let holder = Holder { in_discussion, works_on, surroundings, off: BTreeSet::new() };
        Tool::ALL.iter().copied().filter(|&tool| holder.has(tool)).collect()
    }

    #[test]
    fn what_a_policy_takes_away_is_not_had_but_for_what_everybody_has() {
        let surroundings = Surroundings::of(Mode::FullEnv, Right::ALL.iter().copied());
        let without = |off: &[Tool]| {
            let holder = Holder {
                in_discussion: false,
                works_on: Some(Stage::Dev),
                surroundings: surroundings.clone(),
                off: off.iter().copied().collect(),
            };
            Tool::ALL.iter().copied().filter(|&tool| !holder.has(tool)).collect::<Vec<_>>()
        };
        assert_eq!(without(&[Tool::GithubCommentAdd, Tool::K8sEvents]), [Tool::GithubCommentAdd, Tool::K8sEvents]);
        assert_eq!(without(&[Tool::RunContextGet]), []);
        let left = Tool::ALL.iter().filter(|tool| !tool.is_always_had()).copied().collect::<Vec<_>>();
        assert_eq!(without(Tool::ALL), left);
    }

    #[test]
    fn who_talks_says_does_and_asks_nothing_beside_the_talk() {
        let looks = |tool: &Tool| tool.as_str().ends_with("_get") || tool.as_str().ends_with("_list");
        let talking = had(true, Mode::CodeOnly, &[]);
        assert!(talking.iter().all(|tool| looks(tool) || *tool == Tool::RunStatusReport));
        assert_eq!(talking.len(), 6);
        assert_eq!(had(false, Mode::FullEnv, Right::ALL), Tool::ALL);
    }

    #[test]
    fn who_has_no_environment_or_no_right_to_look_at_it_has_no_tool_for_it() {
        use Right::{Change, Exec, Logs, Read, TestJobs};
        let table: [(Mode, &[Right], &[&str]); 7] = [
            (Mode::CodeOnly, Right::ALL, &[]),
            (Mode::FullEnv, &[], &[]),
            (Mode::FullEnv, &[TestJobs], &[]),
            (Mode::FullEnv, &[Exec, TestJobs], &["k8s_exec"]),
            (Mode::FullEnv, &[Change], &["k8s_apply", "k8s_delete", "k8s_rollout_restart"]),
            (Mode::FullEnv, &[Read], &["k8s_resources_list", "k8s_resource_get", "k8s_events"]),
            (Mode::FullEnv, &[Read, Logs], &["k8s_resources_list", "k8s_resource_get", "k8s_pod_logs", "k8s_events"]),
        ];
        for (mode, rights, expected) in table {
            let found = had(false, mode, rights);
            let of_environment: Vec<_> =
                found.iter().map(|tool| tool.as_str()).filter(|name| name.starts_with("k8s_")).collect();
            assert_eq!(of_environment, expected, "{mode} {rights:?}");
        }
    }

    #[test]
    fn environments_of_the_project_are_for_those_who_build_and_run_it() {
        let surroundings = Surroundings::of(Mode::CodeOnly, []);
        let has = |works_on| {
            let (surroundings, off) = (surroundings.clone(), BTreeSet::new());
            Holder { in_discussion: false, works_on, surroundings, off }.has(Tool::SecretSync)
        };
        for &stage in Stage::ALL {
            assert_eq!(has(Some(stage)), matches!(stage, Stage::Dev | Stage::Ops), "{stage}");
        }
        assert!(!has(None), "who looks at the work of others");
    }

    #[test]
    fn a_run_acts_on_its_own_issue_and_pull_request_alone() {
        let early = Own { subject: 7, pull: None };
        let later = Own { subject: 7, pull: Some(9) };
        let table = [
            (early, None, Some(7)),
            (early, Some(7), Some(7)),
            (early, Some(9), None),
            (later, Some(9), Some(9)),
            (later, None, Some(7)),
            (later, Some(8), None),
        ];
        for (own, number, expected) in table {
            assert_eq!(own.meant(number), expected, "{own:?} {number:?}");
        }
    }
}
