//! Made-up facts: what a template is tried with, and what its preview shows when no run is chosen.

use domain::catalogue::Catalogue;
use domain::locale::Locale;
use domain::stages::{Mode, Role, Stage};
use domain::tools::{Holder, RunKind, Seat};

use super::Key;
use crate::run::{Author, Pull, RunFacts, Work};

/// An issue as people might write one.
struct Issue {
    title: &'static str,
    body: &'static str,
}

const fn issue(locale: Locale) -> Issue {
    match locale {
        Locale::En => Issue {
            title: "Add a dark mode",
            body: "At night the pages are too bright. They should follow the system's own setting, and people should be able to choose.",
        },
        Locale::Ru => Issue {
            title: "Добавить тёмную тему",
            body: "Ночью страницы слишком яркие. Пусть они следуют настройке системы, и пусть тему можно выбрать самому.",
        },
    }
}

pub(super) fn work() -> RunFacts<'static> {
    RunFacts {
        role: Role::Dev.as_str(),
        stage: Stage::Dev.as_str(),
        work: Work::Work,
        repository: "acme/app",
        base_branch: "main",
        branch: "codex/i7-456789ab",
        may_write: Catalogue::builtin().stage(Stage::Dev).may_write.written(),
        issue_number: 7,
        issue_url: "https://github.com/acme/app/issues/7",
        issue_title: "",
        issue_body: "",
        issue_author: Some(Author { login: "olga".to_owned(), permission: "write".to_owned() }),
        pull: None,
        started_by: "olga",
        holder: Holder::from(Seat { kind: RunKind::Stage, stage: Stage::Dev, role: Role::Dev, mode: Mode::CodeOnly }),
        revision: None,
        talk: None,
    }
}

pub(super) fn pull() -> Pull<'static> {
    Pull {
        number: 8,
        url: "https://github.com/acme/app/pull/8",
        title: "Refs #7: add a dark mode",
        body: "The pages follow the system's own setting.\n\nRefs #7",
        author: Some(Author { login: "codex-bot".to_owned(), permission: "write".to_owned() }),
        words: None,
        let_in_by: None,
    }
}

fn at(stage: Stage, role: Role, work: Work) -> RunFacts<'static> {
    let base = self::work();
    let may_write = Catalogue::builtin().stage(stage).may_write.written();
    let facts = RunFacts { stage: stage.as_str(), role: role.as_str(), work, may_write, ..base };
    match work {
        Work::Work | Work::Discussion => facts,
        Work::Review => RunFacts { may_write: &[], pull: Some(pull()), ..facts },
    }
}

/// The stage in which a role is most at home, or any.
fn stage_of(role: Role) -> Stage {
    let acts = |stage: &&Stage| Catalogue::builtin().stage(**stage).actor() == role;
    Stage::ALL.iter().find(acts).copied().unwrap_or(Stage::Dev)
}

/// A run that would use the template.
#[must_use]
pub fn sample(key: Key, locale: Locale) -> RunFacts<'static> {
    let Issue { title, body } = issue(locale);
    let facts = match key {
        Key::Task(role, work) => at(stage_of(role), role, work),
        Key::Stage(stage) => at(stage, Catalogue::builtin().stage(stage).actor(), Work::Work),
    };
    RunFacts { issue_title: title, issue_body: body, ..facts }
}

/// Every kind of facts that the template may meet.
pub(super) fn all(key: Key) -> Vec<RunFacts<'static>> {
    let with_pull = |facts: RunFacts<'static>| RunFacts { pull: Some(pull()), ..facts };
    match key {
        Key::Task(role, Work::Review) => vec![at(stage_of(role), role, Work::Review)],
        Key::Task(role, Work::Work | Work::Discussion) => {
            let facts = at(stage_of(role), role, Work::Work);
            vec![facts.clone(), with_pull(facts)]
        }
        Key::Stage(stage) => {
            let facts = at(stage, Role::Dev, Work::Work);
            vec![facts.clone(), with_pull(facts), at(stage, Role::Reviewer, Work::Review)]
        }
    }
}
