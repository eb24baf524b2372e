//! What a policy of an agent may say: the limits within which people may set it.

use std::collections::BTreeSet;

use crate::approvals::policy::ToolModes;
use crate::stages::{Mode, Right, Stage};
use crate::surroundings::Surroundings;
use crate::tools::{Holder, Tool};

/// What an agent may do, and within what limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it is there for, in words for people.
    pub responsibility: String,
    /// What surrounds it.
    pub mode: Mode,
    /// What its account may do in its namespace.
    pub rights: Vec<Right>,
    /// Runs at once in one project.
    pub parallel_runs: i32,
    /// How long one run may take.
    pub time_limit_seconds: i32,
    /// How long its namespace lives.
    pub namespace_ttl_seconds: i32,
    /// Who is asked for tools that ask for leave; the strictest of this, the labels and the project's policy counts.
    pub tool_modes: ToolModes,
    /// Tools that it does not have.
    pub tools_off: BTreeSet<Tool>,
}

/// Something wrong with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyFault {
    /// The field, as the contract names it.
    pub field: &'static str,
    /// Stable.
    pub code: &'static str,
    /// What is wrong and what mends it.
    pub remedy: &'static str,
}

const RIGHTS_WITHOUT_ENVIRONMENT: PolicyFault = PolicyFault {
    field: "rights",
    code: "rights_need_environment",
    remedy: "rights come to something in full_env only; choose full_env, or leave the list empty",
};
const RIGHTS_WITHOUT_READ: PolicyFault = PolicyFault {
    field: "rights",
    code: "rights_need_read",
    remedy: "logs, exec, test_jobs and change are of no use to who may not list what is there; add read",
};
const RIGHT_TWICE: PolicyFault =
    PolicyFault { field: "rights", code: "right_twice", remedy: "a right stands there twice; name each once" };
const ENDS_BEFORE_ITS_RUN: PolicyFault = PolicyFault {
    field: "namespace_ttl_seconds",
    code: "namespace_ends_before_run",
    remedy: "the namespace would end before a run that takes its time; make it at least time_limit_seconds",
};

impl Policy {
    /// The tools that its runs have, but for those that only talk, when it does the work of these stages.
    #[must_use]
    pub fn tools(&self, stages: &[Stage]) -> Vec<Tool> {
        let holder = |works_on| Holder {
            in_discussion: false,
            works_on,
            surroundings: Surroundings::of(self.mode, self.rights.iter().copied()),
            off: self.tools_off.clone(),
        };
        let holders: Vec<_> = stages.iter().copied().map(Some).chain([None]).map(holder).collect();
        Tool::ALL.iter().copied().filter(|&tool| holders.iter().any(|holder| holder.has(tool))).collect()
    }

    /// Everything that is wrong with it at once, apart from what the contract's own limits refuse.
    #[must_use]
    pub fn faults(&self) -> Vec<PolicyFault> {
        let (rights, reads) = (&self.rights, self.rights.contains(&Right::Read));
        let twice = rights.iter().enumerate().any(|(at, right)| rights[..at].contains(right));
        let found = [
            (self.mode == Mode::CodeOnly && !rights.is_empty(), RIGHTS_WITHOUT_ENVIRONMENT),
            (self.mode == Mode::FullEnv && !rights.is_empty() && !reads, RIGHTS_WITHOUT_READ),
            (twice, RIGHT_TWICE),
            (self.namespace_ttl_seconds < self.time_limit_seconds, ENDS_BEFORE_ITS_RUN),
        ];
        found.into_iter().filter_map(|(is_so, fault)| is_so.then_some(fault)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::stages::Role;

    fn policy(mode: Mode, rights: &[Right]) -> Policy {
        Policy {
            responsibility: "Translates.".into(),
            mode,
            rights: rights.to_vec(),
            parallel_runs: 1,
            time_limit_seconds: 3600,
            namespace_ttl_seconds: 86_400,
            tool_modes: ToolModes::default(),
            tools_off: BTreeSet::new(),
        }
    }

    #[test]
    fn what_a_policy_must_not_say() {
        use {Mode::CodeOnly, Mode::FullEnv, Right::Exec, Right::Logs, Right::Read};
        let codes = |policy: Policy| policy.faults().iter().map(|fault| fault.code).collect::<Vec<_>>();
        let table: [(Policy, &[&str]); 7] = [
            (policy(CodeOnly, &[]), &[]),
            (policy(FullEnv, &[]), &[]),
            (policy(FullEnv, &[Read, Logs, Exec]), &[]),
            (policy(CodeOnly, &[Read]), &["rights_need_environment"]),
            (policy(FullEnv, &[Logs]), &["rights_need_read"]),
            (policy(FullEnv, &[Read, Logs, Logs]), &["right_twice"]),
            (
                Policy { namespace_ttl_seconds: 60, ..policy(CodeOnly, &[Exec, Exec]) },
                &["rights_need_environment", "right_twice", "namespace_ends_before_run"],
            ),
        ];
        for (policy, expected) in table {
            assert_eq!(codes(policy.clone()), expected, "{policy:?}");
        }
    }

    #[test]
    fn an_agent_has_what_its_environment_gives_and_its_policy_leaves() {
        let with = |mode, off: &[Tool]| {
            Policy { tools_off: off.iter().copied().collect(), ..policy(mode, &[Right::Read]) }.tools(&[Stage::Dev])
        };
        let all = with(Mode::FullEnv, &[]);
        assert!(all.contains(&Tool::K8sEvents) && !with(Mode::CodeOnly, &[]).contains(&Tool::K8sEvents));
        let off = [Tool::K8sEvents, Tool::UserNotify, Tool::K8sPodLogs];
        let left: Vec<_> = all.into_iter().filter(|tool| !off.contains(tool)).collect();
        assert_eq!(with(Mode::FullEnv, &off), left);
    }

    #[test]
    fn what_roles_start_out_with_is_allowed() {
        for &role in Role::ALL {
            let spec = Catalogue::builtin().role(role);
            let policy = Policy {
                time_limit_seconds: spec.time_limit_minutes.cast_signed() * 60,
                namespace_ttl_seconds: spec.namespace_ttl_hours.cast_signed() * 3600,
                ..policy(spec.mode, &spec.rights)
            };
            assert_eq!(policy.faults(), [], "{role}");
        }
    }
}
