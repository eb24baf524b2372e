//! The tools that an agent acts through: which there are, and on what one may be used. What each takes is in the
//! contract (`x-mcp-tools` of `openapi/agent.yaml`).

mod about;

pub use about::{Asks, Category, HeldBy, RunKind, Seat};

use crate::coded_enum;

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
            | Self::GithubLabelsList => false,
            Self::OwnerFeedbackRequest
            | Self::UserNotify
            | Self::GithubCommentAdd
            | Self::GithubLabelsAdd
            | Self::GithubLabelsRemove
            | Self::GithubLabelsTransition => true,
        }
    }
}

/// What decides which tools an agent has. One that it does not have answers like one that there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// It talks with people: its last word is its answer, so it neither acts nor asks beside it.
    pub in_discussion: bool,
}

impl Holder {
    /// Whether the agent has a tool.
    #[must_use]
    pub const fn has(self, tool: Tool) -> bool {
        !(self.in_discussion && tool.acts())
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

    #[test]
    fn who_talks_says_does_and_asks_nothing_beside_the_talk() {
        let had = |in_discussion| Tool::ALL.iter().copied().filter(move |&tool| Holder { in_discussion }.has(tool));
        let looks = |tool: &Tool| tool.as_str().ends_with("_get") || tool.as_str().ends_with("_list");
        assert!(had(true).all(|tool| looks(&tool) || tool == Tool::RunStatusReport));
        assert_eq!(had(true).count(), 6);
        assert_eq!(had(false).count(), Tool::ALL.len());
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
