//! Templates that people may put in the place of the platform's own: the task of a role and what a stage adds. The rules,
//! the frames around data and the output contract are no templates of people.

mod check;
mod sample;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use domain::coded_enum;
use domain::ids::TemplateId;
use domain::locale::Locale;
use domain::stages::{Role, Stage};
use sha2::{Digest, Sha256};

pub use check::{Fault, FaultCode, TEXT_LIMIT, check, variables};
pub use sample::sample;

use crate::run::Work;
use crate::seeds;

coded_enum! {
    /// Where a template comes from, the nearest one last.
    Source {
        /// The platform's own.
        Seed = "seed",
        /// Written for every project.
        Global = "global",
        /// Written for one project.
        Project = "project",
        /// Not in use: somebody looks at what it would give.
        Draft = "draft",
    }
}

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// What a role is asked to do. In discussions all have the platform's own task.
    Task(Role, Work),
    /// What the stage adds to it.
    Stage(Stage),
}

impl Key {
    /// All of them: tasks by role, then stages.
    pub fn all() -> impl Iterator<Item = Self> {
        let tasks = Role::ALL
            .iter()
            .flat_map(|&role| [Work::Work, Work::Review].into_iter().map(move |work| Self::Task(role, work)));
        tasks.chain(Stage::ALL.iter().map(|&stage| Self::Stage(stage)))
    }

    /// The platform's own text.
    #[must_use]
    pub fn seed(self, locale: Locale) -> &'static str {
        seeds::find(&self.to_string(), locale).map_or("", |seed| seed.source)
    }

    /// Changes whenever the platform's own text does.
    #[must_use]
    pub fn seed_version(self, locale: Locale) -> String {
        version_of(self.seed(locale))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(role, work) => write!(f, "task-{role}-{work}"),
            Self::Stage(stage) => write!(f, "stage-{stage}"),
        }
    }
}

/// There is no such template, or none that people may write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no template that can be written; those are task-<role>-<work or review> and stage-<stage>")]
pub struct NoSuchKey(String);

impl FromStr for Key {
    type Err = NoSuchKey;

    fn from_str(name: &str) -> Result<Self, NoSuchKey> {
        Self::all().find(|key| key.to_string() == name).ok_or_else(|| NoSuchKey(name.to_owned()))
    }
}

/// A template that people wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Its row; `None` while it is not stored.
    pub id: Option<TemplateId>,
    /// What it is for.
    pub key: String,
    /// Its language.
    pub locale: Locale,
    /// For whom.
    pub source: Source,
    /// Its number among the versions of its place.
    pub version: i32,
    /// Its text.
    pub text: String,
}

/// In which languages a prompt is wanted, and what stands in the place of seeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    locale: Locale,
    chain: Vec<Locale>,
    overrides: Vec<Override>,
}

impl From<Locale> for Templates {
    fn from(locale: Locale) -> Self {
        Self { locale, chain: vec![locale], overrides: Vec::new() }
    }
}

/// A template that was picked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Picked<'t> {
    Seed(&'static str, Locale),
    Override(&'t Override),
}

impl Templates {
    /// Prompts in `locale`; where there is no text, in the platform's `default`, then in English.
    #[must_use]
    pub fn new(locale: Locale, default: Locale, overrides: Vec<Override>) -> Self {
        Self { locale, chain: Locale::chain(locale, default), overrides }
    }

    pub(crate) const fn locale(&self) -> Locale {
        self.locale
    }

    /// The template to use: in the first language that has one, the project's before everybody's before the seed.
    pub(crate) fn pick(&self, name: &str) -> Option<Picked<'_>> {
        self.chain.iter().find_map(|&locale| {
            let fitting = self.overrides.iter().filter(|text| text.key == name && text.locale == locale);
            let nearest = fitting.max_by_key(|text| text.source).map(Picked::Override);
            nearest.or_else(|| seeds::find(name, locale).map(|seed| Picked::Seed(seed.name, locale)))
        })
    }
}

/// Twelve hex digits that change with the text.
pub(crate) fn version_of(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..6])
}
