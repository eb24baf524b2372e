//! Systems of others that ask people here: they send what they would send to an approver or an executor of their own, and
//! are called back with what people decided.
//!
//! What they may send ([`asking`]), and what they are told ([`telling`]).

pub mod asking;
pub mod telling;

use crate::coded_enum;

/// How many requests of one integration may be open at once.
pub const MOST_OPEN: i64 = 100;

coded_enum! {
    /// What is asked.
    OutsideKind {
        /// Whether something may be done.
        Approval = "approval",
        /// What people say to a question.
        Execution = "execution",
    }
}

coded_enum! {
    /// What became of a request.
    OutsideState {
        /// Nobody has decided yet.
        Requested = "requested",
        /// It may be done.
        Approved = "approved",
        /// It may not.
        Denied = "denied",
        /// Somebody answered the question.
        Answered = "answered",
        /// Nobody decided in time, or the integration was withdrawn first.
        Expired = "expired",
    }
}

coded_enum! {
    /// Whether the other side knows what became of it.
    TellState {
        /// It is about to be told.
        Queued = "queued",
        /// It has heard.
        Told = "told",
        /// It may have heard: the answer to a call was lost, and it cannot be told again.
        Unclear = "unclear",
        /// It does not want to know, or was not reached often enough.
        Failed = "failed",
    }
}
