//! What people may say about tools in a policy: which an agent does not have, and who is asked for those that ask.

use std::collections::BTreeSet;

use super::Tool;
use crate::approvals::ApprovalMode;
use crate::approvals::policy::ToolModes;

/// Something wrong with what somebody says about tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolFault {
    /// Where, as a JSON pointer below the policy.
    pub field: String,
    /// Stable.
    pub code: &'static str,
    /// What is wrong and what mends it.
    pub remedy: String,
    /// The tool's name as it was written.
    pub tool: String,
}

impl Tool {
    /// Whether no policy takes it away. With these an agent learns where it is and people see what it does; without them a
    /// run could neither begin well nor be followed. Whether an agent may ask or tell people is for its policy to say: one
    /// that works unattended goes on without.
    #[must_use]
    pub const fn is_always_had(self) -> bool {
        matches!(self, Self::RunContextGet | Self::RunStatusReport)
    }
}

/// Reads the names of tools that an agent does not have.
///
/// # Errors
/// Everything that is wrong with them.
pub fn off<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<Tool>, Vec<ToolFault>> {
    let (mut off, mut faults) = (BTreeSet::new(), Vec::new());
    for (at, name) in written.into_iter().enumerate() {
        let fault = match name.parse::<Tool>() {
            Err(_) => Some(("unknown_tool", UNKNOWN.to_owned())),
            Ok(tool) if tool.is_always_had() => {
                let remedy = "every agent has it: without it a run could not be followed; leave it on";
                Some(("tool_always_had", remedy.to_owned()))
            }
            Ok(tool) if !off.insert(tool) => {
                Some(("tool_twice", "a tool stands there twice; name each once".to_owned()))
            }
            Ok(_) => None,
        };
        let fault = fault.map(|(code, remedy)| ToolFault {
            field: format!("tools_off/{at}"),
            code,
            remedy,
            tool: name.to_owned(),
        });
        faults.extend(fault);
    }
    if faults.is_empty() { Ok(off) } else { Err(faults) }
}

const UNKNOWN: &str = "there is no such tool; GET /api/v1/staff/tools lists those that there are";

/// Reads which mode each tool gets.
///
/// # Errors
/// Everything that is wrong with them.
pub fn modes<'a>(written: impl IntoIterator<Item = (&'a str, ApprovalMode)>) -> Result<ToolModes, Vec<ToolFault>> {
    let (mut modes, mut faults) = (Vec::new(), Vec::new());
    for (name, mode) in written {
        let leave = name.parse::<Tool>().map(|tool| (tool, tool.leave()));
        let (code, remedy) = match leave {
            Ok((tool, Some(leave))) if mode >= leave.floor => {
                modes.push((tool, mode));
                continue;
            }
            Ok((_, Some(leave))) => {
                let remedy = format!(
                    "{mode} is less than this tool needs; choose {} or stricter, or leave it out for what is usual",
                    leave.floor
                );
                ("mode_below_floor", remedy)
            }
            Ok((_, None)) => (
                "tool_never_asks",
                "it never asks for leave to act, so there is nothing to say; leave it out".to_owned(),
            ),
            Err(_) => ("unknown_tool", UNKNOWN.to_owned()),
        };
        let field = format!("tool_modes/{}", name.replace('~', "~0").replace('/', "~1"));
        faults.push(ToolFault { field, code, remedy, tool: name.to_owned() });
    }
    if faults.is_empty() { Ok(modes.into_iter().collect()) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<T>(read: Result<T, Vec<ToolFault>>) -> Vec<String> {
        let faults = read.err().unwrap_or_default();
        assert!(faults.iter().all(|fault| fault.remedy.len() > 20));
        faults.into_iter().map(|fault| format!("{} {} {}", fault.field, fault.code, fault.tool)).collect()
    }

    #[test]
    fn an_agent_may_be_without_any_tool_but_those_that_make_it_visible() {
        let kept: Vec<_> = Tool::ALL.iter().filter(|tool| tool.is_always_had()).map(|tool| tool.as_str()).collect();
        assert_eq!(kept, ["run_context_get", "run_status_report"]);
        for tool in Tool::ALL.iter().filter(|tool| !tool.is_always_had()) {
            assert_eq!(off([tool.as_str()]), Ok([*tool].into()), "{tool}");
        }
        let wrong = ["user_notify", "run_status_report", "shell", "user_notify"];
        let expected = [
            "tools_off/1 tool_always_had run_status_report",
            "tools_off/2 unknown_tool shell",
            "tools_off/3 tool_twice user_notify",
        ];
        assert_eq!(told(off(wrong)), expected);
    }

    #[test]
    fn modes_are_for_tools_that_ask_and_not_below_what_they_need() {
        use ApprovalMode::{Delegated, None as Nobody, Owner};
        let read = modes([("github_labels_add", Owner), ("github_labels_remove", Delegated)]);
        let expected = [(Tool::GithubLabelsAdd, Owner), (Tool::GithubLabelsRemove, Delegated)];
        assert_eq!(read, Ok(expected.into_iter().collect()));
        for &tool in Tool::ALL {
            let least = tool.leave().map(|leave| leave.floor);
            for &mode in ApprovalMode::ALL {
                assert_eq!(
                    modes([(tool.as_str(), mode)]).is_ok(),
                    least.is_some_and(|least| mode >= least),
                    "{tool} {mode}"
                );
            }
        }
        let wrong = [("github_labels_add", Nobody), ("github_issue_get", Owner), ("a/b", Owner)];
        let expected = [
            "tool_modes/github_labels_add mode_below_floor github_labels_add",
            "tool_modes/github_issue_get tool_never_asks github_issue_get",
            "tool_modes/a~1b unknown_tool a/b",
        ];
        assert_eq!(told(modes(wrong)), expected);
    }
}
