//! The template engine: strict about undefined variables, bounded in work, and with nothing to escape, for it writes
//! Markdown. What people write is rendered in an engine of its own, which has no other templates to include and only a
//! few filters.

use std::io;
use std::sync::LazyLock;

use domain::locale::Locale;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Template, UndefinedBehavior, filters, tests as checks};
use serde::Serialize;

use crate::seeds::SEEDS;

/// A template is wrong, or lacks a variable.
#[derive(Debug, thiserror::Error)]
#[error("template {name} ({locale})")]
pub struct TemplateError {
    pub(crate) name: String,
    pub(crate) locale: Locale,
    pub(crate) source: minijinja::Error,
}

/// Far more steps than any seed takes; a loop that never ends stops here.
const FUEL: u64 = 100_000;
/// Steps and bytes of a template that people wrote.
const PEOPLES_FUEL: u64 = 20_000;
pub(crate) const MOST_BYTES: usize = 64 * 1024;
const NAME: &str = "template";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = strict(Environment::new(), FUEL);
    for seed in SEEDS {
        environment
            .add_template_owned(key(seed.name, seed.locale), seed.source.to_owned())
            .unwrap_or_else(|error| unreachable!("seed {}: {error}", seed.name));
    }
    environment
});

fn strict(mut environment: Environment<'_>, fuel: u64) -> Environment<'_> {
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(fuel));
    environment
}

fn key(name: &str, locale: Locale) -> String {
    format!("{locale}/{name}")
}

/// Renders a seed.
pub(crate) fn render(name: &str, locale: Locale, facts: &impl Serialize) -> Result<String, TemplateError> {
    let wrong = |source| TemplateError { name: name.to_owned(), locale, source };
    let template = ENVIRONMENT.get_template(&key(name, locale)).map_err(wrong)?;
    template.render(Serde(facts)).map_err(wrong)
}

/// A template that people wrote, with the engine that it runs in.
pub(crate) struct Peoples<'t>(Environment<'t>);

impl<'t> Peoples<'t> {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be read as a template.
    pub(crate) fn new(source: &'t str) -> Result<Self, minijinja::Error> {
        let mut environment = strict(Environment::empty(), PEOPLES_FUEL);
        environment.set_debug(true);
        environment.add_filter("join", filters::join);
        environment.add_filter("length", filters::length);
        environment.add_filter("lower", filters::lower);
        environment.add_filter("upper", filters::upper);
        environment.add_filter("trim", filters::trim);
        environment.add_test("defined", checks::is_defined);
        environment.add_test("none", checks::is_none);
        environment.add_template(NAME, source)?;
        Ok(Self(environment))
    }

    fn template(&self) -> Result<Template<'_, '_>, minijinja::Error> {
        self.0.get_template(NAME)
    }

    /// Names of all variables that it uses, with the fields that it asks of them.
    pub(crate) fn variables(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .template()
            .map(|template| template.undeclared_variables(true).into_iter().collect())
            .unwrap_or_default();
        names.sort_unstable();
        names
    }

    /// Renders it, as long as it stays small.
    ///
    /// # Errors
    /// When a variable is missing, or when it takes too many steps or bytes.
    pub(crate) fn render(&self, facts: &impl Serialize) -> Result<String, minijinja::Error> {
        let mut written = Bounded(Vec::new());
        self.template()?.render_captured_to(Serde(facts), &mut written)?;
        Ok(String::from_utf8_lossy(&written.0).into_owned())
    }
}

struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_BYTES {
            return Err(io::Error::other(format!("it becomes longer than {MOST_BYTES} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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

    #[test]
    fn what_people_write_reaches_nothing_but_its_facts() {
        for source in [
            "{% include \"en/policy\" %}",
            "{% extends \"policy\" %}",
            "{{ range(3) }}",
            "{{ debug() }}",
            "{{ 1 | pprint }}",
        ] {
            let rendered = Peoples::new(source).and_then(|template| template.render(&serde_json::json!({})));
            assert!(rendered.is_err(), "{source}: {rendered:?}");
        }
    }

    #[test]
    fn what_people_write_stays_small_and_ends() {
        let ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
        let deep = format!("{}x{}", format!("{{% for _ in {ten} %}}").repeat(6), "{% endfor %}".repeat(6));
        let large = format!("{{% for _ in {ten} %}}{}{{% endfor %}}", "x".repeat(10_000));
        for source in [deep, large, "{{ 'x' * 100000 }}".to_owned()] {
            let template = Peoples::new(&source).unwrap();
            assert!(template.render(&serde_json::json!({})).is_err());
        }
    }
}
