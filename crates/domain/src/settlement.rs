//! What people decide about work that waits for the owner's review, and what follows from it.

use crate::flow::FlowKind;
use crate::labels;
use crate::reasons::{IntakeReason, Reason};
use crate::run::RunStatus;

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
            Self::TakenUp => None,
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
                labels_off: &[labels::IN_REVIEW, labels::APPROVED],
                flow: FlowKind::RunTakenUp,
                ..nothing
            },
        }
    }
}
