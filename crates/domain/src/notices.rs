//! What people are told in the console, and who: those who may act on it and want to hear of it. An agent is told nothing
//! here: it is no person.

use crate::approvals::{ApprovalMode, may_approve, may_decide};
use crate::coded_enum;
use crate::rights::{self, Permission, ProjectRole};

/// How many notices an agent may write of its own accord, by run and hour.
pub const MOST_AN_HOUR: i64 = 10;

coded_enum! {
    /// What raises a notice.
    NoticeKind {
        /// An agent wants to know something.
        Question = "question",
        /// An agent asks for leave to act.
        Action = "action",
        /// An agent tries a host that it may not reach.
        Host = "host",
        /// A system of others asks something.
        Outside = "outside",
        /// Work is handed in, and looked at by a second role where the project wants that: its owner is waited for.
        WorkWaits = "work_waits",
        /// A run failed or met its time limit. One that somebody stopped raises nothing.
        RunFailed = "run_failed",
        /// A run's decoy turned up; that such a run fails is not said once more.
        Canary = "canary",
        /// An agent says that something is done.
        Completion = "completion",
        /// An agent says what can come next.
        NextStep = "next_step",
        /// An agent says how it stands.
        StatusUpdate = "status_update",
        /// An agent warns of something.
        Warning = "warning",
    }
}

impl NoticeKind {
    /// Whether people are told before they have chosen: all but what asks for nothing.
    #[must_use]
    pub const fn wanted_by_default(self) -> bool {
        !matches!(self, Self::StatusUpdate)
    }
}

/// Whether a person is told: whoever may let the agent act is told of what it asks leave for (`mode`), who manages the
/// project of hosts and of what systems of others ask, and whoever answers for the run of everything else.
#[must_use]
pub const fn is_told(kind: NoticeKind, mode: Option<ApprovalMode>, role: ProjectRole, started_it: bool) -> bool {
    match (kind, mode) {
        (NoticeKind::Action, Some(mode)) => may_approve(mode, role),
        (NoticeKind::Action, None) => may_approve(ApprovalMode::Owner, role),
        (NoticeKind::Host | NoticeKind::Outside, _) => rights::allows(role, Permission::Manage),
        _ => may_decide(role, started_it),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told() {
        use ApprovalMode::{Delegated, Owner};
        use ProjectRole::{Admin, Read, ReadWrite};
        // Of what: the project's admin, whoever started the run, another who may start runs, a reader.
        let people = [(Admin, false), (ReadWrite, true), (ReadWrite, false), (Read, true)];
        let table = [
            (NoticeKind::Action, Some(Owner), [true, false, false, false]),
            (NoticeKind::Action, Some(Delegated), [true, true, true, false]),
            (NoticeKind::Host, None, [true, false, false, false]),
            (NoticeKind::Outside, None, [true, false, false, false]),
            (NoticeKind::Question, None, [true, true, false, false]),
            (NoticeKind::WorkWaits, None, [true, true, false, false]),
            (NoticeKind::RunFailed, None, [true, true, false, false]),
            (NoticeKind::Canary, None, [true, true, false, false]),
            (NoticeKind::Warning, None, [true, true, false, false]),
        ];
        for (kind, mode, expected) in table {
            assert_eq!(people.map(|(role, started)| is_told(kind, mode, role, started)), expected, "{kind} {mode:?}");
        }
    }

    #[test]
    fn who_has_not_chosen_is_told_all_but_how_it_stands() {
        let unwanted: Vec<_> = NoticeKind::ALL.iter().filter(|kind| !kind.wanted_by_default()).collect();
        assert_eq!(unwanted, [&NoticeKind::StatusUpdate]);
    }
}
