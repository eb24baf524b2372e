//! Reading a catalogue: the file's shape, and what must hold between its parts.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::{
    Catalogue, CatalogueProblem, ChoiceLabels, DiscussionSpec, LabelText, Look, PathSpec, RoleSpec, Shortcut, StageSpec,
};
use crate::locale::Words;
use crate::scope::{Patterns, WrongPattern};
use crate::stages::{Role, Stage};

/// GitHub's limit for the description of a label.
const DESCRIPTION_LIMIT: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    stages: Vec<RawStage>,
    write_scopes: BTreeMap<String, Vec<String>>,
    paths: Vec<PathSpec>,
    shortcuts: Vec<Shortcut>,
    roles: Vec<RoleSpec>,
    discussion: DiscussionSpec,
    run_label: Look,
    revise_label: Look,
    choice_labels: ChoiceLabels,
    labels: Vec<LabelText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStage {
    name: Stage,
    roles: Vec<Role>,
    may_write: String,
    produces: Words,
}

impl Catalogue {
    /// Reads a catalogue.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn read(text: &str) -> Result<Self, CatalogueProblem> {
        let raw: Raw = serde_json::from_str(text)?;
        let catalogue = Self {
            stages: stages(raw.stages, &scopes(raw.write_scopes)?)?,
            roles: complete("/roles", raw.roles, Role::ALL, |role| role.name)?,
            paths: raw.paths,
            shortcuts: raw.shortcuts,
            discussion: raw.discussion,
            labels: raw.labels,
            run_label: raw.run_label,
            revise_label: raw.revise_label,
            choice_labels: raw.choice_labels,
        };
        catalogue.check_paths()?;
        catalogue.check_labels()?;
        Ok(catalogue)
    }

    fn check_paths(&self) -> Result<(), CatalogueProblem> {
        for (number, path) in self.paths.iter().enumerate() {
            let mut seen = HashSet::new();
            if let Some(again) = path.stages.iter().find(|stage| !seen.insert(**stage)) {
                return Err(wrong(format!("/paths/{number}/stages"), format!("{again} stands there twice")));
            }
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<(), CatalogueProblem> {
        let mut seen = HashSet::new();
        for (number, label) in self.labels.iter().enumerate() {
            let place = format!("/labels/{number}");
            if !seen.insert(label.name.to_lowercase()) {
                return Err(wrong(place, format!("{} stands there twice", label.name)));
            }
            look(&place, &label.color, &label.description)?;
        }
        let ChoiceLabels { model, effort } = &self.choice_labels;
        let looks = [
            ("/run_label", &self.run_label),
            ("/revise_label", &self.revise_label),
            ("/choice_labels/model", model),
            ("/choice_labels/effort", effort),
        ];
        looks.into_iter().try_for_each(|(place, kind)| look(place, &kind.color, &kind.description))
    }
}

fn scopes(raw: BTreeMap<String, Vec<String>>) -> Result<BTreeMap<String, Patterns>, CatalogueProblem> {
    let compile = |(name, patterns): (String, Vec<String>)| match Patterns::compile(patterns) {
        Ok(patterns) => Ok((name, patterns)),
        Err(WrongPattern { pattern, problem }) => {
            Err(wrong(format!("/write_scopes/{name}"), format!("the pattern {pattern:?}: {problem}")))
        }
    };
    raw.into_iter().map(compile).collect()
}

fn stages(
    raw: Vec<RawStage>,
    scopes: &BTreeMap<String, Patterns>,
) -> Result<BTreeMap<Stage, StageSpec>, CatalogueProblem> {
    for (number, stage) in raw.iter().enumerate() {
        if stage.roles.is_empty() {
            return Err(wrong(format!("/stages/{number}/roles"), "somebody must act"));
        }
        if !scopes.contains_key(&stage.may_write) {
            let problem = format!("there is no write scope {:?}", stage.may_write);
            return Err(wrong(format!("/stages/{number}/may_write"), problem));
        }
    }
    let known = complete("/stages", raw, Stage::ALL, |stage| stage.name)?;
    let spec = |raw: RawStage| StageSpec {
        roles: raw.roles,
        may_write: scopes[&raw.may_write].clone(),
        produces: raw.produces,
    };
    Ok(known.into_iter().map(|(name, raw)| (name, spec(raw))).collect())
}

/// Each of `all` exactly once.
fn complete<K, T>(
    place: &str,
    items: Vec<T>,
    all: &[K],
    name: impl Fn(&T) -> K,
) -> Result<BTreeMap<K, T>, CatalogueProblem>
where
    K: Copy + Ord + std::fmt::Display,
{
    let mut known = BTreeMap::new();
    for (number, item) in items.into_iter().enumerate() {
        let name = name(&item);
        if known.insert(name, item).is_some() {
            return Err(wrong(format!("{place}/{number}"), format!("{name} stands there twice")));
        }
    }
    match all.iter().find(|name| !known.contains_key(name)) {
        Some(missing) => Err(wrong(place, format!("{missing} is missing"))),
        None => Ok(known),
    }
}

fn look(place: &str, color: &str, description: &Words) -> Result<(), CatalogueProblem> {
    if color.len() != 6 || !color.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong(format!("{place}/color"), "a colour is six hex digits"));
    }
    let longest = description.en.chars().count().max(description.ru.chars().count());
    if longest > DESCRIPTION_LIMIT {
        let problem = format!("{longest} characters; GitHub takes {DESCRIPTION_LIMIT}");
        return Err(wrong(format!("{place}/description"), problem));
    }
    Ok(())
}

fn wrong(place: impl Into<String>, problem: impl Into<String>) -> CatalogueProblem {
    CatalogueProblem::Wrong { place: place.into(), problem: problem.into() }
}
