//! The catalogue of the workflow: what each stage does and may write, who acts in it, how stages follow each other, and
//! the labels that people steer with. Data in one embedded file (`catalogue/catalogue.json`, described by the schema
//! beside it); nothing of it is repeated in code.

mod read;

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::locale::Words;
use crate::scope::Patterns;
use crate::stages::{Mode, Right, Role, Stage};
use crate::surroundings::Surroundings;

const BUILTIN: &str = include_str!("../catalogue/catalogue.json");

/// The whole catalogue, checked.
#[derive(Debug, Clone)]
pub struct Catalogue {
    stages: BTreeMap<Stage, StageSpec>,
    roles: BTreeMap<Role, RoleSpec>,
    paths: Vec<PathSpec>,
    shortcuts: Vec<Shortcut>,
    /// How people talk with an agent.
    pub discussion: DiscussionSpec,
    /// Labels with fixed names.
    pub labels: Vec<LabelText>,
    /// How the labels look that start stages; holes: `{stage}` and `{produces}`.
    pub run_label: Look,
    /// How the labels look that have a stage revised; hole: `{stage}`.
    pub revise_label: Look,
    /// How the labels look that choose model and effort.
    pub choice_labels: ChoiceLabels,
}

/// What a stage is.
#[derive(Debug, Clone)]
pub struct StageSpec {
    /// Who acts first, then who reviews.
    pub roles: Vec<Role>,
    /// Files that a run of this stage may change.
    pub may_write: Patterns,
    /// What comes out.
    pub produces: Words,
}

impl StageSpec {
    /// The role that does the stage's work.
    #[must_use]
    pub fn actor(&self) -> Role {
        self.roles[0]
    }

    /// The role that looks at the work before the owner does: the reviewer, where the stage names it or nobody else.
    #[must_use]
    pub fn reviewer(&self) -> Role {
        let others = &self.roles[1..];
        let second = others.first().copied().unwrap_or(Role::Reviewer);
        if others.contains(&Role::Reviewer) { Role::Reviewer } else { second }
    }
}

/// What a role starts out with; its policy in the database may say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    name: Role,
    /// What surrounds it.
    pub mode: Mode,
    /// How many runs of it a project may have at once.
    pub parallel_runs: u16,
    /// What its account may do in its namespace.
    pub rights: Vec<Right>,
    /// How long a run may take, waits not counted.
    pub time_limit_minutes: u32,
    /// How long the namespace outlives the run.
    pub namespace_ttl_hours: u32,
}

impl RoleSpec {
    /// What surrounds it, rights included.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::of(self.mode, self.rights.iter().copied())
    }
}

/// How people talk with an agent on an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscussionSpec {
    /// Who answers.
    pub role: Role,
    /// Under which stage its runs are kept; they do none of that stage's work.
    pub stage: Stage,
    /// After so long without a word it is over.
    pub idle_hours: u32,
    /// How long the namespace outlives an answer: nothing in it is worth a look.
    pub namespace_ttl_minutes: u32,
}

/// An order in which stages follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathSpec {
    /// For people.
    pub name: String,
    /// First to last.
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shortcut {
    from: Stage,
    to: Stage,
}

/// A label as the catalogue tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelText {
    /// Name on GitHub.
    pub name: String,
    /// Six hex digits.
    pub color: String,
    /// At most 100 characters.
    pub description: Words,
}

/// Looks of a kind of label whose name is made up; the description may hold what the name is made of in braces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Six hex digits.
    pub color: String,
    /// With holes.
    pub description: Words,
}

/// Looks of labels that choose; hole: `{value}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceLabels {
    /// Of a model.
    pub model: Look,
    /// Of a reasoning effort.
    pub effort: Look,
}

/// What is wrong with a catalogue, and where.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueProblem {
    /// It is not JSON, or not of the catalogue's shape; the source names line and column.
    #[error("the catalogue cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// It contradicts itself.
    #[error("the catalogue, at {place}: {problem}")]
    Wrong {
        /// As a JSON pointer.
        place: String,
        /// What is wrong there.
        problem: String,
    },
}

impl Catalogue {
    /// The catalogue that the platform brings along.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
            Catalogue::read(BUILTIN).unwrap_or_else(|problem| unreachable!("the built-in catalogue: {problem}"))
        });
        &CATALOGUE
    }

    /// What a stage is.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> &StageSpec {
        &self.stages[&stage]
    }

    /// What a role starts out with.
    #[must_use]
    pub fn role(&self, role: Role) -> &RoleSpec {
        &self.roles[&role]
    }

    /// The stages whose work a role does.
    #[must_use]
    pub fn stages_of(&self, role: Role) -> Vec<Stage> {
        Stage::ALL.iter().copied().filter(|&stage| self.stage(stage).actor() == role).collect()
    }

    /// What may follow a stage, each once: along the paths in their order, then by a shortcut.
    #[must_use]
    pub fn after(&self, stage: Stage) -> Vec<Stage> {
        let along = self.paths.iter().filter_map(|path| path.after(stage));
        let across = self.shortcuts.iter().filter(|shortcut| shortcut.from == stage).map(|shortcut| shortcut.to);
        let mut seen = HashSet::new();
        along.chain(across).filter(|next| seen.insert(*next)).collect()
    }

    /// What a stage may follow; nothing where it may start at any time.
    #[must_use]
    pub fn leading_to(&self, stage: Stage) -> Vec<Stage> {
        Stage::ALL.iter().copied().filter(|&earlier| self.after(earlier).contains(&stage)).collect()
    }

    /// Whether a stage stands before another on some path.
    #[must_use]
    pub fn comes_before(&self, stage: Stage, other: Stage) -> bool {
        self.paths.iter().any(|path| path.place(stage).zip(path.place(other)).is_some_and(|(one, two)| one < two))
    }
}

impl PathSpec {
    fn place(&self, stage: Stage) -> Option<usize> {
        self.stages.iter().position(|&at| at == stage)
    }

    fn after(&self, stage: Stage) -> Option<Stage> {
        self.stages.get(self.place(stage)? + 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn builtin() -> Value {
        serde_json::from_str(BUILTIN).unwrap()
    }

    fn schema() -> jsonschema::Validator {
        let schema = serde_json::from_str(include_str!("../catalogue/catalogue.schema.json")).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    #[test]
    fn the_built_in_catalogue_follows_its_schema_and_is_read() {
        let problems: Vec<_> = schema().iter_errors(&builtin()).map(|error| error.to_string()).collect();
        assert_eq!(problems, Vec::<String>::new());
        let catalogue = Catalogue::builtin();
        assert_eq!(catalogue.stage(Stage::Dev).actor(), Role::Dev);
        assert_eq!(catalogue.stage(Stage::Plan).roles, [Role::Em, Role::Km]);
        let reviewers = [Stage::Plan, Stage::Arch, Stage::SelfImprove].map(|stage| catalogue.stage(stage).reviewer());
        assert_eq!(reviewers, [Role::Km, Role::Reviewer, Role::Reviewer]);
        assert_eq!((catalogue.discussion.role, catalogue.discussion.idle_hours), (Role::Km, 8));
        assert_eq!(
            catalogue.role(Role::Qa).rights,
            [Right::Read, Right::Logs, Right::Exec, Right::TestJobs, Right::Change]
        );
    }

    #[test]
    fn what_follows_a_stage() {
        let table: [(Stage, &[Stage]); 8] = [
            (Stage::Intake, &[Stage::Vision, Stage::Prd, Stage::Plan]),
            (Stage::Prd, &[Stage::Arch, Stage::Design]),
            (Stage::Design, &[Stage::Plan, Stage::Dev]),
            (Stage::Plan, &[Stage::Dev]),
            (Stage::Dev, &[Stage::Qa]),
            (Stage::Ops, &[]),
            (Stage::DocAudit, &[]),
            (Stage::Rethink, &[]),
        ];
        for (stage, expected) in table {
            assert_eq!(Catalogue::builtin().after(stage), expected, "{stage}");
        }
    }

    #[test]
    fn what_leads_to_every_stage() {
        let catalogue = Catalogue::builtin();
        let names = |stages: Vec<Stage>| stages.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let table = Stage::ALL.iter().map(|&stage| format!("{stage}: {}", names(catalogue.leading_to(stage))));
        assert_eq!(
            table.collect::<Vec<_>>(),
            [
                "intake: ",
                "vision: intake",
                "prd: intake vision",
                "arch: prd",
                "design: prd arch",
                "plan: intake design",
                "dev: design plan",
                "doc-audit: ",
                "qa: dev",
                "release: qa",
                "postdeploy: release",
                "ops: postdeploy",
                "self-improve: ",
                "rethink: ",
            ]
        );
    }

    #[test]
    fn each_mistake_is_named_with_its_place() {
        let table: [(&str, Value, &str); 10] = [
            ("/stages/3/roles", json!([]), "/stages/3/roles: somebody must act"),
            ("/stages/3/may_write", json!("nowhere"), "/stages/3/may_write: there is no write scope \"nowhere\""),
            ("/stages/3/name", json!("dev"), "/stages/6: dev stands there twice"),
            ("/roles/0/name", json!("km"), "/roles/7: km stands there twice"),
            ("/write_scopes/markdown", json!(["[a"]), "/write_scopes/markdown: the pattern \"[a\""),
            ("/paths/2/stages", json!(["dev", "qa", "dev"]), "/paths/2/stages: dev stands there twice"),
            ("/labels/1/name", json!("STATE:blocked"), "/labels/1: STATE:blocked stands there twice"),
            ("/labels/1/color", json!("red"), "/labels/1/color: a colour is six hex digits"),
            ("/labels/1/description/ru", json!("я".repeat(101)), "/labels/1/description: 101 characters"),
            ("/run_label/color", json!("zzzzzz"), "/run_label/color: a colour"),
        ];
        for (place, value, expected) in table {
            let mut changed = builtin();
            *changed.pointer_mut(place).unwrap() = value;
            let problem = Catalogue::read(&changed.to_string()).unwrap_err().to_string();
            assert!(problem.contains(expected), "{place}: {problem}");
        }
        let mut short = builtin();
        short["stages"].as_array_mut().unwrap().pop();
        let problem = Catalogue::read(&short.to_string()).unwrap_err().to_string();
        assert!(problem.contains("/stages: rethink is missing"), "{problem}");
    }

    #[test]
    fn another_shape_is_refused_with_line_and_column() {
        let mut changed = builtin();
        changed["stages"][0]["colour"] = json!("red");
        let text = serde_json::to_string_pretty(&changed).unwrap();
        let CatalogueProblem::Unreadable(problem) = Catalogue::read(&text).unwrap_err() else {
            panic!("it was read");
        };
        assert!(problem.to_string().contains("colour") && problem.line() > 1, "{problem}");
        assert!(!schema().is_valid(&changed), "the schema lets it through");
    }
}
