//! Which model an agent runs with, and how much it thinks: chosen by labels, else by the project or the platform.

use crate::coded_enum;
use crate::labels::{self, Label};

coded_enum! {
    /// How much a model thinks.
    Effort {
        /// Little.
        Low = "low",
        /// As usual.
        Medium = "medium",
        /// Much.
        High = "high",
        /// As much as it can.
        ExtraHigh = "extra-high",
    }
}

impl Effort {
    /// The word that codex has for it.
    #[must_use]
    pub const fn for_codex(self) -> &'static str {
        match self {
            Self::ExtraHigh => "xhigh",
            other => other.as_str(),
        }
    }
}

/// What the labels of an issue choose; what they leave open is settled elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// One of the allowed models.
    pub model: Option<String>,
    /// An effort.
    pub effort: Option<Effort>,
}

/// The labels choose two models or two efforts, or a model that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChoiceConflict;

/// Reads the choice from labels.
///
/// # Errors
/// When they do not choose one allowed thing.
pub fn choose<'a>(labels: impl IntoIterator<Item = &'a str>, allowed: &[String]) -> Result<Choice, ChoiceConflict> {
    let mut choice = Choice::default();
    for label in labels {
        let taken = match labels::read(label) {
            Label::Model(model) if !allowed.iter().any(|known| known == model) => return Err(ChoiceConflict),
            Label::Model(model) => choice.model.replace(model.to_owned()).is_some(),
            Label::Effort(effort) => choice.effort.replace(effort).is_some(),
            Label::Run(_) | Label::Revise(_) | Label::Keep | Label::Discussion | Label::Other => false,
        };
        if taken {
            return Err(ChoiceConflict);
        }
    }
    Ok(choice)
}

/// Reads the choice from the labels of a pull request and of its issue; those of the pull request stand above the
/// others.
///
/// # Errors
/// When either do not choose one allowed thing.
pub fn choose_for_pull(pull: &[String], issue: &[String], allowed: &[String]) -> Result<Choice, ChoiceConflict> {
    let above = choose(pull.iter().map(String::as_str), allowed)?;
    let below = choose(issue.iter().map(String::as_str), allowed)?;
    Ok(Choice { model: above.model.or(below.model), effort: above.effort.or(below.effort) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_one_of_each_and_only_what_is_allowed() {
        let allowed = ["gpt-5.5".to_owned(), "gpt-6-sol".to_owned()];
        let choice = |model: Option<&str>, effort| Ok(Choice { model: model.map(str::to_owned), effort });
        let table: [(&[&str], Result<Choice, ChoiceConflict>); 7] = [
            (&[], choice(None, None)),
            (&["bug", "run:dev"], choice(None, None)),
            (&["[ai-model-gpt-6-sol]", "run:dev"], choice(Some("gpt-6-sol"), None)),
            (&["[ai-reasoning-high]"], choice(None, Some(Effort::High))),
            (&["[ai-model-gpt-5.5]", "[ai-model-gpt-6-sol]"], Err(ChoiceConflict)),
            (&["[ai-reasoning-high]", "[ai-reasoning-low]"], Err(ChoiceConflict)),
            (&["[ai-model-gpt-4]"], Err(ChoiceConflict)),
        ];
        for (labels, expected) in table {
            assert_eq!(choose(labels.iter().copied(), &allowed), expected, "{labels:?}");
        }
    }

    #[test]
    fn a_pull_requests_labels_stand_above_its_issues() {
        let allowed = ["gpt-5.5".to_owned(), "gpt-6-sol".to_owned()];
        let owned = |labels: &[&str]| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
        let chosen = |pull: &[&str], issue: &[&str]| choose_for_pull(&owned(pull), &owned(issue), &allowed);
        let issue = ["[ai-model-gpt-5.5]", "[ai-reasoning-low]"];
        let both = Choice { model: Some("gpt-6-sol".into()), effort: Some(Effort::Low) };
        assert_eq!(chosen(&["[ai-model-gpt-6-sol]"], &issue), Ok(both));
        assert_eq!(chosen(&[], &["[ai-model-gpt-4]"]), Err(ChoiceConflict));
    }

    #[test]
    fn codex_calls_the_highest_effort_otherwise() {
        assert_eq!(Effort::ALL.iter().map(|e| e.for_codex()).collect::<Vec<_>>(), ["low", "medium", "high", "xhigh"]);
    }
}
