//! Channels: services of others that ask people beside the console. An approver shows what an agent wants to do, an
//! executor what it wants to know; both are asked once for each try and call back once.
//!
//! Which channels hear of a request, what the other side's words mean ([`replies`]), where a channel may stand
//! ([`places`]), and what comes of a test ([`trial`]).

pub mod places;
pub mod replies;
pub mod trial;

use std::time::Duration;

use crate::approvals::{ApprovalKind, ApprovalMode};
use crate::coded_enum;

/// How often a request is tried through a channel before it is given up there.
pub const MOST_TRIES: i32 = 8;
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

coded_enum! {
    /// What a channel is for.
    ChannelKind {
        /// Lets people approve or deny what an agent wants to do.
        Approver = "approver",
        /// Lets people answer a question.
        Executor = "executor",
    }
}

coded_enum! {
    /// Who answers at the other end, as whoever manages the project says. The platform cannot see it.
    SpeaksFor {
        /// Whoever manages the project.
        Owner = "owner",
        /// Whoever may start runs in the project.
        Delegated = "delegated",
    }
}

coded_enum! {
    /// Where a request stands in one channel.
    AskState {
        /// It is about to be asked.
        Queued = "queued",
        /// The other side has taken it.
        Asked = "asked",
        /// Its answer counted.
        Answered = "answered",
        /// Nobody answered there in time. Others may still.
        Expired = "expired",
        /// It could not be asked, or nothing that counts came back. Others may still answer.
        Failed = "failed",
        /// It was decided elsewhere, or the channel was changed or taken away.
        Withdrawn = "withdrawn",
    }
}

/// Whether a channel may decide about a request: an answer to a question and leave by an owner take somebody who speaks
/// for the owner. What needs nobody is asked nowhere.
#[must_use]
pub const fn hears(
    channel: ChannelKind,
    speaks_for: SpeaksFor,
    asked: ApprovalKind,
    mode: Option<ApprovalMode>,
) -> bool {
    match (channel, asked, mode, speaks_for) {
        (ChannelKind::Executor, ApprovalKind::Question, _, SpeaksFor::Owner)
        | (ChannelKind::Approver, ApprovalKind::Action, Some(ApprovalMode::Delegated), _)
        | (ChannelKind::Approver, ApprovalKind::Action, Some(ApprovalMode::Owner), SpeaksFor::Owner) => true,
        (ChannelKind::Executor | ChannelKind::Approver, ..) => false,
    }
}

/// How long to wait before the next try after this many failed ones; `None` to give up.
#[must_use]
pub fn wait(failed: i32) -> Option<Duration> {
    let grown = FIRST_WAIT.saturating_mul(1 << (failed - 1).clamp(0, 10)).min(LONGEST_WAIT);
    (failed < MOST_TRIES).then_some(grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_hears_only_what_those_at_its_end_may_decide() {
        use ApprovalKind::{Action, Question};
        use ApprovalMode::{Delegated, None as Nobody, Owner};
        use ChannelKind::{Approver, Executor};
        let table = [
            (Executor, SpeaksFor::Owner, Question, None, true),
            (Executor, SpeaksFor::Delegated, Question, None, false),
            (Executor, SpeaksFor::Owner, Action, Some(Delegated), false),
            (Approver, SpeaksFor::Owner, Question, None, false),
            (Approver, SpeaksFor::Owner, Action, Some(Owner), true),
            (Approver, SpeaksFor::Owner, Action, Some(Delegated), true),
            (Approver, SpeaksFor::Delegated, Action, Some(Owner), false),
            (Approver, SpeaksFor::Delegated, Action, Some(Delegated), true),
            (Approver, SpeaksFor::Owner, Action, Some(Nobody), false),
            (Approver, SpeaksFor::Owner, Action, None, false),
        ];
        for (channel, speaks_for, asked, mode, expected) in table {
            assert_eq!(hears(channel, speaks_for, asked, mode), expected, "{channel} {speaks_for} {asked} {mode:?}");
        }
    }

    #[test]
    fn waits_grow_and_have_an_end() {
        let seconds = |failed| wait(failed).map(|wait| wait.as_secs());
        assert_eq!([1, 2, 3, 7].map(seconds), [Some(2), Some(4), Some(8), Some(128)]);
        assert_eq!(seconds(MOST_TRIES), None);
    }
}
