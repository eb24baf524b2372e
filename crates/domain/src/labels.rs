//! The labels that people steer with.

/// A label as it should be on every connected repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelSpec {
    /// Name on GitHub.
    pub name: &'static str,
    /// Six hex digits.
    pub color: &'static str,
    /// At most 100 characters (GitHub's limit).
    pub description: &'static str,
}

/// A stage of the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Code and a pull request.
    Dev,
}

impl Stage {
    /// The word in labels, names and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
        }
    }

    /// The role that acts in this stage.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Dev => "dev",
        }
    }

    /// The label that starts it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dev => "run:dev",
        }
    }
}

/// Set while the work of an issue waits for a person's review.
pub const IN_REVIEW: &str = "state:in-review";
/// Nothing starts on an issue that carries it.
pub const BLOCKED: &str = "state:blocked";
/// A person's input is missing; nothing starts.
pub const NEED_INPUT: &str = "need:input";
/// Keeps a namespace; starts nothing and is not counted as a stage label.
const DEBUG: &str = "run:debug";

/// Labels made on every connected repository.
pub const CATALOGUE: &[LabelSpec] = &[
    LabelSpec { name: "run:dev", color: "1f6feb", description: "Start the developer agent on this issue" },
    LabelSpec { name: IN_REVIEW, color: "a371f7", description: "The agent's work waits for a review" },
    LabelSpec { name: BLOCKED, color: "d73a4a", description: "Nothing starts here until this is removed" },
    LabelSpec { name: NEED_INPUT, color: "e3b341", description: "A person's answer is needed before work goes on" },
];

/// The stage that a label starts, if it starts one.
#[must_use]
pub fn trigger(label: &str) -> Option<Stage> {
    [Stage::Dev].into_iter().find(|stage| stage.label() == label)
}

/// Whether a label is one of those of which an issue carries at most one.
#[must_use]
pub fn is_stage_label(label: &str) -> bool {
    label.starts_with("run:") && label != DEBUG
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_and_stage_labels() {
        assert_eq!(trigger("run:dev"), Some(Stage::Dev));
        for other in ["run:plan", "run:debug", "dev", "RUN:DEV", "run:dev ", ""] {
            assert_eq!(trigger(other), None, "{other}");
        }
        assert!(is_stage_label("run:plan") && is_stage_label("run:dev"));
        assert!(!is_stage_label("run:debug") && !is_stage_label("state:blocked"));
    }

    #[test]
    fn the_catalogue_is_what_github_takes() {
        for label in CATALOGUE {
            assert!(label.description.chars().count() <= 100, "{}", label.name);
            assert!(label.color.len() == 6 && label.color.chars().all(|c| c.is_ascii_hexdigit()), "{}", label.name);
        }
    }
}
