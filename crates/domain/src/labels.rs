//! The labels that people steer with: what one means, and which of them a repository should have.

use crate::catalogue::{Catalogue, Look};
use crate::choice::Effort;
use crate::locale::Locale;
use crate::stages::Stage;

/// A label as it should be on every connected repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSpec {
    /// Name on GitHub.
    pub name: String,
    /// Six hex digits.
    pub color: String,
    /// At most 100 characters (GitHub's limit).
    pub description: String,
}

/// What a label means to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label<'a> {
    /// Starts a stage.
    Run(Stage),
    /// Has the newest work of a stage revised.
    Revise(Stage),
    /// Chooses a model by its name.
    Model(&'a str),
    /// Chooses a reasoning effort.
    Effort(Effort),
    /// Keeps the namespaces of its issue or pull request for as long as it lies there.
    Keep,
    /// People talk with an agent for as long as it lies on the issue.
    Discussion,
    /// Nothing by itself.
    Other,
}

/// Set while the work of an issue waits for a person's review.
pub const IN_REVIEW: &str = "state:in-review";
/// Nothing starts on an issue that carries it.
pub const BLOCKED: &str = "state:blocked";
/// A person's input is missing; nothing starts.
pub const NEED_INPUT: &str = "need:input";
/// A person found the work of the issue good.
pub const APPROVED: &str = "state:approved";
/// A later plan has taken the place of the work.
pub const SUPERSEDED: &str = "state:superseded";
/// On a pull request: has it looked at by the reviewer.
pub const NEED_REVIEWER: &str = "need:reviewer";
/// On an issue: everything that its runs ask leave for needs whoever manages the project.
pub const APPROVE_OWNER: &str = "approve:owner";
/// On an issue: comments are answered by an agent.
pub const DISCUSSION: &str = "mode:discussion";
/// Keeps a namespace; starts nothing and is not counted as a stage label.
const DEBUG: &str = "run:debug";

const RUN: &str = "run:";
const REVISED: &str = ":revise";
const MODEL: &str = "[ai-model-";
const EFFORT: &str = "[ai-reasoning-";

/// What a label means.
#[must_use]
pub fn read(label: &str) -> Label<'_> {
    if label == DEBUG {
        return Label::Keep;
    }
    if label == DISCUSSION {
        return Label::Discussion;
    }
    if let Some(stage) = label.strip_prefix(RUN) {
        return match stage.strip_suffix(REVISED) {
            Some(revised) => revised.parse().map_or(Label::Other, Label::Revise),
            None => stage.parse().map_or(Label::Other, Label::Run),
        };
    }
    let within = |kind: &str| label.strip_prefix(kind)?.strip_suffix(']').filter(|value| !value.is_empty());
    match (within(MODEL), within(EFFORT)) {
        (Some(model), _) => Label::Model(model),
        (_, Some(effort)) => effort.parse().map_or(Label::Other, Label::Effort),
        _ => Label::Other,
    }
}

/// The label that starts a stage.
#[must_use]
pub fn run(stage: Stage) -> String {
    format!("{RUN}{stage}")
}

/// The label that has the work of a stage revised.
#[must_use]
pub fn revise(stage: Stage) -> String {
    format!("{RUN}{stage}{REVISED}")
}

/// Whether nothing starts where this label lies.
#[must_use]
pub fn holds_up(label: &str) -> bool {
    label == BLOCKED || label == NEED_INPUT
}

/// Whether a label makes its issue's runs ask whoever manages the project. GitHub tells no cases apart.
#[must_use]
pub fn asks_owner(label: &str) -> bool {
    label.eq_ignore_ascii_case(APPROVE_OWNER)
}

/// Whether a label is one of those of which an issue carries at most one.
#[must_use]
pub fn is_stage_label(label: &str) -> bool {
    label.starts_with(RUN) && label != DEBUG
}

/// The labels that a repository should have, in the language of its project, with the models that may be chosen.
#[must_use]
pub fn wanted(catalogue: &Catalogue, locale: Locale, models: &[String]) -> Vec<LabelSpec> {
    let filled = |look: &Look, name: String, holes: &[(&str, &str)]| {
        let mut description = look.description.of(locale).to_owned();
        for (hole, value) in holes {
            description = description.replace(hole, value);
        }
        LabelSpec { name, color: look.color.clone(), description }
    };
    let stages = Stage::ALL.iter().map(|&stage| {
        let produces = catalogue.stage(stage).produces.of(locale);
        filled(&catalogue.run_label, run(stage), &[("{stage}", stage.as_str()), ("{produces}", produces)])
    });
    let revises =
        Stage::ALL.iter().map(|&stage| filled(&catalogue.revise_label, revise(stage), &[("{stage}", stage.as_str())]));
    let fixed = catalogue.labels.iter().map(|label| LabelSpec {
        name: label.name.clone(),
        color: label.color.clone(),
        description: label.description.of(locale).to_owned(),
    });
    let choices = &catalogue.choice_labels;
    let models = models.iter().map(|model| filled(&choices.model, format!("{MODEL}{model}]"), &[("{value}", model)]));
    let efforts = Effort::ALL
        .iter()
        .map(|effort| filled(&choices.effort, format!("{EFFORT}{effort}]"), &[("{value}", effort.as_str())]));
    stages.chain(revises).chain(fixed).chain(models).chain(efforts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_means() {
        let table = [
            ("run:dev", Label::Run(Stage::Dev)),
            ("run:doc-audit", Label::Run(Stage::DocAudit)),
            ("run:dev:revise", Label::Revise(Stage::Dev)),
            ("[ai-model-gpt-5.5]", Label::Model("gpt-5.5")),
            ("[ai-reasoning-extra-high]", Label::Effort(Effort::ExtraHigh)),
            ("[ai-reasoning-huge]", Label::Other),
            ("[ai-model-]", Label::Other),
            ("run:debug", Label::Keep),
            ("mode:discussion", Label::Discussion),
        ];
        for (label, meaning) in table {
            assert_eq!(read(label), meaning, "{label}");
        }
        for other in [
            "run:debug:revise",
            "run:dev:revise:revise",
            "run::revise",
            "run:",
            "dev",
            "RUN:DEV",
            "run:dev ",
            "state:blocked",
            "",
        ] {
            assert_eq!(read(other), Label::Other, "{other}");
        }
        assert!(is_stage_label("run:plan") && is_stage_label("run:of-another-tool"));
        assert!(!is_stage_label("run:debug") && !is_stage_label("state:blocked"));
    }

    #[test]
    fn every_stage_has_a_label_that_github_takes() {
        let models = ["gpt-5.5".to_owned()];
        for locale in Locale::ALL {
            let labels = wanted(Catalogue::builtin(), *locale, &models);
            for label in &labels {
                assert!(label.description.chars().count() <= 100, "{}: {}", label.name, label.description);
                assert!(!label.description.contains('{'), "{}", label.description);
                assert!(label.name.chars().count() <= 50, "{}", label.name);
            }
            let names: Vec<_> = labels.iter().map(|label| label.name.as_str()).collect();
            assert!(Stage::ALL.iter().all(|&stage| names.contains(&run(stage).as_str())), "{names:?}");
            assert!(Stage::ALL.iter().all(|&stage| names.contains(&revise(stage).as_str())), "{names:?}");
            for name in [
                IN_REVIEW,
                APPROVED,
                SUPERSEDED,
                NEED_REVIEWER,
                BLOCKED,
                NEED_INPUT,
                DISCUSSION,
                APPROVE_OWNER,
                DEBUG,
                "[ai-model-gpt-5.5]",
                "[ai-reasoning-extra-high]",
            ] {
                assert!(names.contains(&name), "{name}");
            }
        }
    }
}
