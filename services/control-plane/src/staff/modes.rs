//! Who is asked for tools, as policies of agents and projects say it: read from the contract, and shown in it.

use contract::gateway::{self, FieldProblem};
use domain::approvals::ApprovalMode;
use domain::approvals::policy::ToolModes;
use domain::tools::choice::{self, ToolFault};

use super::requests::mode;

/// The modes, or everything that is wrong with them.
pub(super) fn read(written: &gateway::ToolModes) -> Result<ToolModes, Vec<ToolFault>> {
    let mut written: Vec<_> = written.iter().map(|(tool, mode)| (tool.as_str(), meant(*mode))).collect();
    written.sort_unstable();
    choice::modes(written)
}

const fn meant(mode: gateway::ApprovalMode) -> ApprovalMode {
    match mode {
        gateway::ApprovalMode::None => ApprovalMode::None,
        gateway::ApprovalMode::Delegated => ApprovalMode::Delegated,
        gateway::ApprovalMode::Owner => ApprovalMode::Owner,
    }
}

/// The modes as the contract has them.
pub(super) fn shown(modes: &ToolModes) -> gateway::ToolModes {
    gateway::ToolModes(modes.iter().map(|(tool, by)| (tool.to_string(), mode(by))).collect())
}

/// What is wrong, below this place of the body.
pub(super) fn fault(place: &str, fault: ToolFault) -> FieldProblem {
    FieldProblem {
        field: format!("{place}/{}", fault.field),
        message: fault.remedy,
        code: Some(fault.code.to_owned()),
        line: None,
        what: Some(fault.tool),
    }
}
