//! Who is asked before a tool acts: the strictest of what the agent's policy, the labels of the issue and the project's
//! policy say. Where none of them says anything, what is usual for the tool counts; and never is it less than what the
//! call itself needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ApprovalMode;
use crate::coded_enum;
use crate::labels;
use crate::tools::Tool;

/// Who is asked for a tool that asks for leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave {
    /// Where no policy says anything.
    pub usual: ApprovalMode,
    /// The least that a policy may say.
    pub floor: ApprovalMode,
}

impl Leave {
    /// Nothing is known of what a tool needs, so whoever manages the project is asked.
    pub const STRICTEST: Self = Self { usual: ApprovalMode::Owner, floor: ApprovalMode::Owner };
}

impl Tool {
    /// Who is asked before it acts; `None`: it never asks for leave, so no policy can say anything about it.
    #[must_use]
    pub const fn leave(self) -> Option<Leave> {
        match self {
            // What the labels in question need is known call by call (`labels.rs`): a policy only asks for more than that.
            Self::GithubLabelsAdd | Self::GithubLabelsRemove | Self::GithubLabelsTransition => {
                Some(Leave { usual: ApprovalMode::None, floor: ApprovalMode::Delegated })
            }
            // Nothing but the run's own environment is at stake.
            Self::K8sApply | Self::K8sDelete | Self::K8sRolloutRestart => {
                Some(Leave { usual: ApprovalMode::Delegated, floor: ApprovalMode::None })
            }
            // A look at one needs nobody, all else whoever manages the project (`databases.rs`).
            Self::DatabaseLifecycle => Some(Leave { usual: ApprovalMode::None, floor: ApprovalMode::Delegated }),
            // Secrets always need whoever manages the project, so no policy can say anything about them.
            Self::SecretSync
            | Self::RunContextGet
            | Self::RunStatusReport
            | Self::GithubIssueGet
            | Self::GithubPullRequestGet
            | Self::GithubCommentsList
            | Self::GithubLabelsList
            | Self::OwnerFeedbackRequest
            | Self::UserNotify
            | Self::GithubCommentAdd
            | Self::K8sResourcesList
            | Self::K8sResourceGet
            | Self::K8sPodLogs
            | Self::K8sEvents
            | Self::K8sExec => None,
        }
    }
}

/// What a policy says: tools with their modes. It is kept as an object by the tools' names; a name that this version does
/// not know, because the one before or after it does, is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub struct ToolModes(BTreeMap<Tool, ApprovalMode>);

impl From<BTreeMap<String, String>> for ToolModes {
    fn from(kept: BTreeMap<String, String>) -> Self {
        kept.iter().filter_map(|(tool, mode)| Some((tool.parse().ok()?, mode.parse().ok()?))).collect()
    }
}

impl FromIterator<(Tool, ApprovalMode)> for ToolModes {
    fn from_iter<I: IntoIterator<Item = (Tool, ApprovalMode)>>(modes: I) -> Self {
        Self(modes.into_iter().collect())
    }
}

impl ToolModes {
    /// Each tool that the policy says something about, in the usual order.
    pub fn iter(&self) -> impl Iterator<Item = (Tool, ApprovalMode)> + '_ {
        self.0.iter().map(|(&tool, &mode)| (tool, mode))
    }

    fn of(&self, tool: Tool) -> Option<ApprovalMode> {
        self.0.get(&tool).copied()
    }
}

coded_enum! {
    /// Why somebody is asked.
    Because {
        /// What the call would do needs it, whatever policies say.
        Call = "call",
        /// It is usual for the tool.
        Tool = "tool",
        /// The agent's policy says so.
        Agent = "agent",
        /// A label of the issue says so.
        Issue = "issue",
        /// The project's policy says so.
        Project = "project",
    }
}

/// What each of the three says about a tool; `None`: nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The agent's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<ApprovalMode>,
    /// The labels of the issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<ApprovalMode>,
    /// The project's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ApprovalMode>,
}

/// Who is asked for one call, and who says so. Kept with the request; of what changes after the asking, only the label counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Who has to approve.
    pub mode: ApprovalMode,
    /// Who says so; at least one.
    pub because: Vec<Because>,
    /// What was said.
    pub said: Said,
    /// What the call needs whatever is said; `None`: it was asked before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<ApprovalMode>,
}

impl Ruling {
    /// The same for a request that people are asked about already, where the label that asks for the owner lies on the issue by
    /// now or does not. It never becomes nobody's matter: who was asked decides. Of what is not known to need less, the mode
    /// that it has is taken for what it needs.
    #[must_use]
    pub fn relabelled(&self, leave: Leave, asks_owner: bool) -> Self {
        let issue = asks_owner.then_some(ApprovalMode::Owner);
        if self.said.issue == issue {
            return self.clone();
        }
        let least = self.least.unwrap_or(self.mode);
        let said = Said { issue, ..self.said };
        Self { least: Some(least), ..said.ruling(leave, least.max(ApprovalMode::Delegated)) }
    }
}

impl Said {
    /// What is said about a tool, where the issue carries these labels.
    #[must_use]
    pub fn about(tool: Tool, agent: &ToolModes, labels: &[String], project: &ToolModes) -> Self {
        let issue = labels.iter().any(|label| labels::asks_owner(label)).then_some(ApprovalMode::Owner);
        Self { agent: agent.of(tool), issue, project: project.of(tool) }
    }

    /// Who is asked for a call that needs at least this.
    #[must_use]
    pub fn ruling(self, leave: Leave, least: ApprovalMode) -> Ruling {
        let by_policy = [(Because::Agent, self.agent), (Because::Issue, self.issue), (Because::Project, self.project)];
        let strictest = by_policy.iter().filter_map(|&(_, said)| said).max();
        let mode = strictest.map_or(leave.usual, |said| said.max(leave.floor)).max(least);
        let who: Vec<_> = by_policy.iter().filter(|(_, said)| *said == Some(mode)).map(|&(who, _)| who).collect();
        let because = match strictest {
            Some(_) if !who.is_empty() => who,
            None if leave.usual == mode => vec![Because::Tool],
            _ if least == mode => vec![Because::Call],
            _ => vec![Because::Tool],
        };
        Ruling { mode, because, said: self, least: Some(least) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use ApprovalMode::{Delegated, None as Nobody, Owner};

    const RELAXABLE: Leave = Leave { usual: Delegated, floor: Nobody };
    const STRICT: Leave = Leave { usual: Owner, floor: Delegated };
    const LABELS: Leave = Leave { usual: Nobody, floor: Delegated };

    #[test]
    fn the_strictest_word_counts_and_what_is_usual_where_nobody_says_one() {
        type Row = (Leave, ApprovalMode, [Option<ApprovalMode>; 3], ApprovalMode, &'static [Because]);
        let table: [Row; 19] = [
            (RELAXABLE, Nobody, [None, None, None], Delegated, &[Because::Tool]),
            (RELAXABLE, Nobody, [Some(Nobody), None, None], Nobody, &[Because::Agent]),
            (RELAXABLE, Nobody, [None, None, Some(Nobody)], Nobody, &[Because::Project]),
            (RELAXABLE, Nobody, [Some(Nobody), None, Some(Delegated)], Delegated, &[Because::Project]),
            (RELAXABLE, Nobody, [Some(Nobody), Some(Owner), Some(Nobody)], Owner, &[Because::Issue]),
            (RELAXABLE, Nobody, [Some(Owner), None, Some(Owner)], Owner, &[Because::Agent, Because::Project]),
            (RELAXABLE, Owner, [Some(Nobody), None, None], Owner, &[Because::Call]),
            (RELAXABLE, Delegated, [Some(Nobody), None, None], Delegated, &[Because::Call]),
            (STRICT, Nobody, [None, None, None], Owner, &[Because::Tool]),
            (STRICT, Nobody, [None, None, Some(Delegated)], Delegated, &[Because::Project]),
            (STRICT, Nobody, [Some(Owner), None, Some(Delegated)], Owner, &[Because::Agent]),
            // What a policy could not say today was written when the floor was another.
            (STRICT, Nobody, [Some(Nobody), None, None], Delegated, &[Because::Tool]),
            (LABELS, Nobody, [None, None, None], Nobody, &[Because::Tool]),
            (LABELS, Owner, [None, None, None], Owner, &[Because::Call]),
            (LABELS, Owner, [Some(Delegated), None, None], Owner, &[Because::Call]),
            (LABELS, Nobody, [Some(Delegated), None, None], Delegated, &[Because::Agent]),
            (LABELS, Nobody, [None, Some(Owner), Some(Delegated)], Owner, &[Because::Issue]),
            (LABELS, Owner, [None, Some(Owner), None], Owner, &[Because::Issue]),
            (LABELS, Delegated, [None, None, Some(Owner)], Owner, &[Because::Project]),
        ];
        for (leave, least, [agent, issue, project], mode, because) in table {
            let said = Said { agent, issue, project };
            let expected = Ruling { mode, because: because.to_vec(), said, least: Some(least) };
            assert_eq!(said.ruling(leave, least), expected, "{leave:?} {least} {said:?}");
        }
    }

    #[test]
    fn no_policy_comes_below_what_the_call_needs_or_the_tool_allows() {
        let every = || ApprovalMode::ALL.iter().copied().map(Some).chain([None]);
        let tools = Tool::ALL.iter().filter_map(|tool| tool.leave());
        for leave in tools.chain([RELAXABLE, STRICT, LABELS]) {
            for (agent, project) in every().flat_map(|agent| every().map(move |project| (agent, project))) {
                for &least in ApprovalMode::ALL {
                    let said = Said { agent, issue: None, project };
                    let mode = said.ruling(leave, least).mode;
                    assert!(mode >= least && mode >= leave.usual.min(leave.floor), "{leave:?} {least} {said:?}");
                    assert_eq!(Said { issue: Some(Owner), ..said }.ruling(leave, least).mode, Owner);
                }
            }
        }
    }

    #[test]
    fn a_label_that_comes_later_counts_and_gives_back_what_was_so_without_it() {
        // Asked without the label: what was said, what is so while it lies there, and after it is gone.
        let table = [
            (RELAXABLE, Nobody, None, (Owner, Because::Issue), (Delegated, Because::Tool)),
            (RELAXABLE, Delegated, Some(Nobody), (Owner, Because::Issue), (Delegated, Because::Call)),
            (LABELS, Owner, None, (Owner, Because::Issue), (Owner, Because::Call)),
            (LABELS, Nobody, Some(Delegated), (Owner, Because::Issue), (Delegated, Because::Agent)),
            (STRICT, Nobody, None, (Owner, Because::Issue), (Owner, Because::Tool)),
        ];
        for (leave, least, agent, with, without) in table {
            let asked = Said { agent, ..Said::default() }.ruling(leave, least);
            assert_eq!(asked.relabelled(leave, false), asked, "it does not lie there");
            let labelled = asked.relabelled(leave, true);
            assert_eq!((labelled.mode, labelled.because.as_slice()), (with.0, [with.1].as_slice()), "{asked:?}");
            assert_eq!(labelled.relabelled(leave, true), labelled);
            let again = labelled.relabelled(leave, false);
            assert_eq!((again.mode, again.because.as_slice()), (without.0, [without.1].as_slice()), "{asked:?}");
        }
        // Asked with the label: what would have been nobody's matter stays with people who were asked.
        let owners = Said { agent: Some(Nobody), issue: Some(Owner), project: None }.ruling(RELAXABLE, Nobody);
        assert_eq!(owners.relabelled(RELAXABLE, false).mode, Delegated);
        let older = Ruling { least: None, ..owners };
        assert_eq!(older.relabelled(RELAXABLE, false).mode, Owner, "nobody knows what it needs");
        let older = Ruling { least: None, ..Said::default().ruling(RELAXABLE, Nobody) };
        let labelled = older.relabelled(RELAXABLE, true);
        assert_eq!((labelled.mode, labelled.relabelled(RELAXABLE, false).mode), (Owner, Delegated));
    }

    #[test]
    fn what_is_said_about_one_tool_says_nothing_about_another() {
        let agent: ToolModes = [(Tool::GithubLabelsAdd, Delegated)].into_iter().collect();
        let project: ToolModes = [(Tool::GithubLabelsRemove, Owner)].into_iter().collect();
        let about = |tool, labels: &[&str]| {
            let labels: Vec<_> = labels.iter().map(|&label| label.to_owned()).collect();
            Said::about(tool, &agent, &labels, &project)
        };
        let said = |agent, issue, project| Said { agent, issue, project };
        assert_eq!(about(Tool::GithubLabelsAdd, &["bug"]), said(Some(Delegated), None, None));
        assert_eq!(about(Tool::GithubLabelsRemove, &["approve:all"]), said(None, None, Some(Owner)));
        assert_eq!(about(Tool::GithubLabelsTransition, &["bug", "Approve:owner"]), said(None, Some(Owner), None));
    }

    #[test]
    fn what_is_kept_is_read_by_another_version_too() {
        let kept = json!({ "github_labels_add": "owner", "of_tomorrow": "owner", "github_labels_remove": "three" });
        let modes: ToolModes = serde_json::from_value(kept).unwrap();
        assert_eq!(json!(modes), json!({ "github_labels_add": "owner" }));
        let ruling = Said { agent: Some(Owner), ..Said::default() }.ruling(LABELS, Nobody);
        let kept = json!({ "mode": "owner", "because": ["agent"], "said": { "agent": "owner" } });
        assert_eq!(serde_json::from_value::<Ruling>(kept.clone()).unwrap(), Ruling { least: None, ..ruling.clone() });
        assert_eq!(json!(Ruling { least: None, ..ruling.clone() }), kept);
        assert_eq!(serde_json::from_value::<Ruling>(json!(ruling)).unwrap(), ruling);
    }

    #[test]
    fn who_asks_for_leave_can_be_asked_for_more_and_nobody_else() {
        use crate::tools::Asks;
        for &tool in Tool::ALL {
            assert_eq!(tool.leave().is_some(), tool.asks() == Asks::Sometimes, "{tool}");
        }
    }
}
