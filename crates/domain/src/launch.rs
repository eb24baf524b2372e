//! What follows a launch that failed: another one later, or the end of the run.

use std::time::Duration;

use crate::reasons::Reason;
use crate::run::RunStatus;

/// How many launches of one run may fail before it ends.
pub const MAX_ATTEMPTS: i32 = 3;

/// Decided for a failed launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Launch again, no sooner than this.
    Again(Duration),
    /// End the run.
    GiveUp(RunStatus),
}

/// Whether another launch could go better. What the agent or its limits caused would only be paid for again.
#[must_use]
pub const fn is_transient(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ImagePull
            | Reason::Unschedulable
            | Reason::Quota
            | Reason::Evicted
            | Reason::Vanished
            | Reason::InfraError
    )
}

/// What to do after a launch failed. `attempts` counts the failed ones, this one included; `base` is the wait after
/// the first, doubled after each.
#[must_use]
pub fn after_failure(reason: Reason, attempts: i32, base: Duration) -> AfterFailure {
    if !is_transient(reason) || attempts >= MAX_ATTEMPTS {
        return AfterFailure::GiveUp(RunStatus::Failed);
    }
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(10);
    AfterFailure::Again(base.saturating_mul(2_u32.saturating_pow(doublings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(5);

    #[test]
    fn transient_failures_wait_longer_each_time_and_stop_at_the_cap() {
        assert_eq!(after_failure(Reason::Vanished, 1, BASE), AfterFailure::Again(BASE));
        assert_eq!(after_failure(Reason::Vanished, 2, BASE), AfterFailure::Again(BASE * 2));
        assert_eq!(after_failure(Reason::Vanished, 3, BASE), AfterFailure::GiveUp(RunStatus::Failed));
    }

    #[test]
    fn what_would_only_be_paid_for_again_is_not_repeated() {
        for reason in [Reason::Oom, Reason::AgentError, Reason::EgressOpen, Reason::AdmissionDenied, Reason::WriteScope]
        {
            assert_eq!(after_failure(reason, 1, BASE), AfterFailure::GiveUp(RunStatus::Failed), "{reason}");
        }
    }
}
