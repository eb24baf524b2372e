//! Limits of others: how long a run waits for one to pass, and how much the platform allows itself.

use chrono::TimeDelta;

use crate::coded_enum;

coded_enum! {
    /// Whose limit a run waits for. The database's CHECK constraint says the same words.
    LimitOf {
        /// GitHub's, of calls in some time, or GitHub does not answer.
        GitHub = "github",
        /// The model's, of tokens or money.
        Model = "model",
    }
}

/// How many writing calls one account makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// In a minute.
    pub minute: i64,
    /// In an hour.
    pub hour: i64,
}

/// For pull requests, which runs wait for. GitHub allows 80 calls a minute and 500 an hour that create content
/// (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>).
pub const PULLS: Allowance = Allowance { minute: 78, hour: 490 };

/// For what people are told: comments, and labels on issues. A comment that waits says the newest when it comes.
pub const WORDS: Allowance = Allowance { minute: 60, hour: 400 };

/// For what can wait.
pub const CHORES: Allowance = Allowance { minute: 40, hour: 300 };

/// Shorter waits are sat out where the run is: giving its places away and getting them again would take longer.
const SIT_OUT: TimeDelta = TimeDelta::seconds(15);

const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(5);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// A new launch costs about this much time, so sooner is never worth it.
const SHORTEST_MODEL_PAUSE: TimeDelta = TimeDelta::seconds(30);
const LONGEST_MODEL_PAUSE: TimeDelta = TimeDelta::hours(6);
const UNNAMED_MODEL_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// Somebody has to pay first.
const UNPAID_PAUSE: TimeDelta = TimeDelta::minutes(15);

/// Whether a run that cannot go on for so long gives its places to others meanwhile.
#[must_use]
pub fn is_worth_parking(wait: TimeDelta) -> bool {
    wait >= SIT_OUT
}

/// How long to leave GitHub alone after so many calls in a row, at least one, that got no answer.
#[must_use]
pub fn outage_pause(failures: u32) -> TimeDelta {
    let doublings = failures.saturating_sub(1).min(10);
    (FIRST_PAUSE * 2_i32.pow(doublings)).min(LONGEST_PAUSE)
}

/// How long not to ask a model that answered with a limit, given what it said: seconds to wait, and its code.
#[must_use]
pub fn model_pause(retry_after: Option<i64>, code: &str) -> TimeDelta {
    let unnamed = if code == "insufficient_quota" { UNPAID_PAUSE } else { UNNAMED_MODEL_PAUSE };
    let named = retry_after.and_then(TimeDelta::try_seconds);
    named.unwrap_or(unnamed).clamp(SHORTEST_MODEL_PAUSE, LONGEST_MODEL_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_left_alone_longer_each_time() {
        let seconds = [1, 2, 3, 7, 100].map(|failures| outage_pause(failures).num_seconds());
        assert_eq!(seconds, [5, 10, 20, 300, 300]);
        assert_eq!([5, 14, 15, 3600].map(|s| is_worth_parking(TimeDelta::seconds(s))), [false, false, true, true]);
    }

    #[test]
    fn a_models_limit_is_believed_within_reason() {
        let table = [
            (None, "rate_limit_exceeded", 60),
            (Some(2), "rate_limit_exceeded", 30),
            (Some(90), "rate_limit_exceeded", 90),
            (Some(i64::MAX), "rate_limit_exceeded", 60),
            (Some(1_000_000), "", 21_600),
            (None, "insufficient_quota", 900),
            (Some(-5), "insufficient_quota", 30),
        ];
        for (retry_after, code, expected) in table {
            assert_eq!(model_pause(retry_after, code).num_seconds(), expected, "{retry_after:?} {code}");
        }
    }
}
