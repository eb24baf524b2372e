//! A test of a channel: a request that decides nothing, and what came back of it.

use serde::{Deserialize, Serialize};

use super::replies::Said;
use crate::coded_enum;

/// Seconds that a test is answered in, at most: whoever waits for it stands before both screens.
pub const LONGEST_TRIAL: i32 = 600;
/// Characters of what was said that are kept.
const LONGEST_WORDS: usize = 300;

coded_enum! {
    /// What came back of a test.
    TrialVerdict {
        /// Somebody approved it.
        Approved = "approved",
        /// Somebody denied it.
        Denied = "denied",
        /// Somebody chose one of its options.
        Chosen = "chosen",
        /// Somebody answered in words of their own.
        Written = "written",
    }
}

/// The answer to a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialAnswer {
    /// What it is.
    pub verdict: TrialVerdict,
    /// What was chosen or written, or the words of who denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl TrialAnswer {
    /// What somebody answered; `None` when nobody did.
    #[must_use]
    pub fn of(said: &Said) -> Option<Self> {
        let (verdict, text) = match said {
            Said::Approve => (TrialVerdict::Approved, None),
            Said::Deny(words) => (TrialVerdict::Denied, words.as_deref()),
            Said::Answer(answer) if answer.option.is_some() => (TrialVerdict::Chosen, Some(answer.text.as_str())),
            Said::Answer(answer) => (TrialVerdict::Written, Some(answer.text.as_str())),
            Said::Expired | Said::Failed(_) => return None,
        };
        Some(Self { verdict, text: text.map(|text| text.chars().take(LONGEST_WORDS).collect()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approvals::Answer;

    #[test]
    fn an_answer_is_kept_as_it_was_given_and_an_error_is_none() {
        let answer = |option, text: &str| Said::Answer(Answer { option, text: text.into() });
        let table = [
            (Said::Approve, Some((TrialVerdict::Approved, None))),
            (Said::Deny(None), Some((TrialVerdict::Denied, None))),
            (Said::Deny(Some("No.".into())), Some((TrialVerdict::Denied, Some("No.")))),
            (answer(Some(1), "Later"), Some((TrialVerdict::Chosen, Some("Later")))),
            (answer(None, "My own"), Some((TrialVerdict::Written, Some("My own")))),
            (Said::Expired, None),
            (Said::Failed("chat not found".into()), None),
        ];
        for (said, expected) in table {
            let expected = expected.map(|(verdict, text)| TrialAnswer { verdict, text: text.map(str::to_owned) });
            assert_eq!(TrialAnswer::of(&said), expected, "{said:?}");
        }
        let long = TrialAnswer::of(&Said::Deny(Some("я".repeat(5000)))).and_then(|answer| answer.text);
        assert_eq!(long.map(|text| text.chars().count()), Some(LONGEST_WORDS));
    }
}
