//! The template engine: strict about undefined variables, bounded in work, and with nothing to escape, for it writes
//! Markdown.

use std::sync::LazyLock;

use domain::locale::Locale;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::seeds::SEEDS;

/// A template is wrong, or lacks a variable.
#[derive(Debug, thiserror::Error)]
#[error("template {name} ({locale})")]
pub struct TemplateError {
    name: &'static str,
    locale: Locale,
    source: minijinja::Error,
}

/// Far more steps than any seed takes; a loop that never ends stops here.
const FUEL: u64 = 100_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    for seed in SEEDS {
        environment
            .add_template_owned(key(seed.name, seed.locale), seed.source.to_owned())
            .unwrap_or_else(|error| unreachable!("seed {}: {error}", seed.name));
    }
    environment
});

fn key(name: &str, locale: Locale) -> String {
    format!("{locale}/{name}")
}

/// Renders a seed.
pub(crate) fn render(name: &'static str, locale: Locale, facts: &impl Serialize) -> Result<String, TemplateError> {
    let wrong = |source| TemplateError { name, locale, source };
    let template = ENVIRONMENT.get_template(&key(name, locale)).map_err(wrong)?;
    template.render(Serde(facts)).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_of_a_seed_use_the_same_variables() {
        for seed in SEEDS.iter().filter(|seed| seed.locale == Locale::En) {
            let [en, ru] = [Locale::En, Locale::Ru]
                .map(|locale| ENVIRONMENT.get_template(&key(seed.name, locale)).unwrap().undeclared_variables(true));
            assert_eq!(en, ru, "{}", seed.name);
        }
    }

    #[test]
    fn a_missing_variable_is_an_error_that_names_the_template() {
        let error = render("context", Locale::En, &serde_json::json!({})).unwrap_err();
        assert_eq!(error.to_string(), "template context (en)");
    }
}
