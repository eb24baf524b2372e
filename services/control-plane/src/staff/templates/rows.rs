//! Rows of templates as the contract shows them.

use contract::gateway::{
    self, Template, TemplateInUse, TemplateKey, TemplatePlace, TemplatePlaceKind, TemplateVersion,
};
use domain::locale::Locale;
use domain::templates::TemplateState;
use prompts::run::Work;
use prompts::templates::{Key, Source};
use store::prompt_templates::TemplateRow;
use uuid::Uuid;

use crate::prompt::scope;
use crate::staff::prompts::source;

/// One place, seen from a project or from all of them, picked from the rows that are in use or being written.
pub(super) fn place(key: Key, locale: Locale, project: Option<Uuid>, rows: &[TemplateRow]) -> TemplatePlace {
    let name = key.to_string();
    let here: Vec<_> = rows.iter().filter(|row| row.key == name && row.locale.0 == locale).collect();
    let active = here.iter().filter(|row| row.state.0 == TemplateState::Active);
    let nearest = active.max_by_key(|row| scope(row.project_id));
    let draft = |row: &&&TemplateRow| row.state.0 == TemplateState::Draft && row.project_id == project;
    let (kind, subject) = match key {
        Key::Task(role, Work::Work | Work::Discussion) => (TemplatePlaceKind::Work, role.to_string()),
        Key::Task(role, Work::Review) => (TemplatePlaceKind::Review, role.to_string()),
        Key::Stage(stage) => (TemplatePlaceKind::Stage, stage.to_string()),
    };
    TemplatePlace {
        key: TemplateKey(name),
        kind,
        name: subject,
        locale: locale_of(locale),
        in_use: nearest.map_or_else(|| seed(key, locale), |row| in_use(row)),
        has_draft: here.iter().any(|row| draft(&row)),
    }
}

fn seed(key: Key, locale: Locale) -> TemplateInUse {
    TemplateInUse {
        source: source(Source::Seed),
        version: key.seed_version(locale),
        template_id: None,
        author: None,
        since: None,
    }
}

fn in_use(row: &TemplateRow) -> TemplateInUse {
    TemplateInUse {
        source: source(scope(row.project_id)),
        version: row.version.to_string(),
        template_id: Some(row.id.into()),
        author: Some(row.author.clone()),
        since: row.decided_at,
    }
}

pub(super) fn version(row: TemplateRow) -> TemplateVersion {
    TemplateVersion {
        id: row.id.into(),
        number: row.version,
        state: match row.state.0 {
            TemplateState::Draft => gateway::TemplateState::Draft,
            TemplateState::Active => gateway::TemplateState::Active,
            TemplateState::Archived => gateway::TemplateState::Archived,
        },
        author: row.author,
        reason: row.reason,
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        revision: row.revision,
        created_at: row.created_at,
        changed_at: row.changed_at,
    }
}

pub(super) fn template(mut row: TemplateRow) -> Template {
    Template {
        key: TemplateKey(std::mem::take(&mut row.key)),
        locale: locale_of(row.locale.0),
        project_id: row.project_id,
        text: std::mem::take(&mut row.text),
        version: version(row),
    }
}

pub(super) const fn locale(locale: gateway::Locale) -> Locale {
    match locale {
        gateway::Locale::En => Locale::En,
        gateway::Locale::Ru => Locale::Ru,
    }
}

const fn locale_of(locale: Locale) -> gateway::Locale {
    match locale {
        Locale::En => gateway::Locale::En,
        Locale::Ru => gateway::Locale::Ru,
    }
}
