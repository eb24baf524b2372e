//! Whether a template may be stored: it renders with every kind of facts, hides nothing and builds no fences.

use std::fmt;
use std::sync::LazyLock;

use domain::coded_enum;
use minijinja::{Error, ErrorKind};
use regex::Regex;

use super::{Key, sample};
use crate::engine::{MOST_BYTES, Peoples};
use crate::run::RunFacts;
use crate::untrusted;

/// Characters of a template.
pub const TEXT_LIMIT: usize = 20_000;

coded_enum! {
    /// What is wrong with a template.
    FaultCode {
        /// There is nothing in it.
        Empty = "template_empty",
        /// It is too long.
        TooLong = "template_too_long",
        /// It cannot be read as a template, or fails when it is rendered.
        Wrong = "template_wrong",
        /// It uses a variable that there is not.
        UnknownVariable = "template_unknown_variable",
        /// It uses a variable that is not always there.
        MissingVariable = "template_missing_variable",
        /// It holds a character that nobody sees.
        HiddenCharacter = "template_hidden_character",
        /// It holds what fences data, or the platform's marks.
        Fence = "template_fence",
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub code: FaultCode,
    /// In which line, from 1.
    pub line: Option<usize>,
    /// The variable, the character or the engine's own words.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        let what = &self.what;
        match self.code {
            FaultCode::Empty => write!(f, "write what the agent is to do, or archive the template"),
            FaultCode::TooLong => write!(f, "it is too long ({what}); shorten it to {TEXT_LIMIT} characters"),
            FaultCode::Wrong => write!(f, "it does not work as a template ({what}); mend the marked place"),
            FaultCode::UnknownVariable => {
                write!(f, "there is no variable `{what}`; use one of {}", variables().join(", "))
            }
            FaultCode::MissingVariable => {
                write!(f, "`{what}` is not always there; put it between {{% if pull %}} and {{% endif %}}")
            }
            FaultCode::HiddenCharacter => write!(f, "it holds the character {what}, which nobody sees; remove it"),
            FaultCode::Fence => write!(f, "`{what}` is kept for what the platform marks as data; remove it"),
        }
    }
}

/// What fences data, and the platform's marks.
static RESERVED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"<<<\s*DATA\b|\bDATA[ \t]+\S*[ \t]*>>>|[⟪⟫]").unwrap_or_else(|error| unreachable!("{error}"))
});

/// Names of all variables that a template may use.
#[must_use]
pub fn variables() -> Vec<String> {
    let mut names = Vec::new();
    let facts = serde_json::to_value(RunFacts { pull: Some(sample::pull()), ..sample::work() }).unwrap_or_default();
    for (name, value) in facts.as_object().into_iter().flatten() {
        names.push(name.clone());
        names.extend(value.as_object().into_iter().flatten().map(|(field, _)| format!("{name}.{field}")));
    }
    names
}

/// Everything that is wrong with a template; nothing when it may be stored.
#[must_use]
pub fn check(key: Key, text: &str) -> Vec<Fault> {
    if text.trim().is_empty() {
        return vec![Fault { code: FaultCode::Empty, line: None, what: String::new() }];
    }
    let length = text.chars().count();
    if length > TEXT_LIMIT {
        return vec![Fault { code: FaultCode::TooLong, line: None, what: length.to_string() }];
    }
    let mut faults = Vec::new();
    if let Some((line, c)) = untrusted::hidden_character(text) {
        let what = format!("U+{:04X}", u32::from(c));
        faults.push(Fault { code: FaultCode::HiddenCharacter, line: Some(line), what });
    }
    faults.extend(reserved(text));
    match Peoples::new(text) {
        Ok(_) if !faults.is_empty() => {}
        Ok(template) => faults.extend(in_use(key, text, &template)),
        Err(error) => faults.push(fault(text, &error)),
    }
    faults
}

fn reserved(text: &str) -> Option<Fault> {
    let found = RESERVED.find(text)?;
    let line = text[..found.start()].matches('\n').count() + 1;
    Some(Fault { code: FaultCode::Fence, line: Some(line), what: found.as_str().to_owned() })
}

/// What shows when it is rendered.
fn in_use(key: Key, text: &str, template: &Peoples<'_>) -> Vec<Fault> {
    let known = variables();
    let unknown: Vec<_> = template.variables().into_iter().filter(|name| !known.contains(name)).collect();
    if !unknown.is_empty() {
        let fault = |what: String| Fault { code: FaultCode::UnknownVariable, line: line_of(text, &what), what };
        return unknown.into_iter().map(fault).collect();
    }
    for facts in sample::all(key) {
        match template.render(&facts) {
            Ok(rendered) => {
                if let Some(fault) = reserved(&rendered) {
                    return vec![Fault { line: None, ..fault }];
                }
            }
            Err(error) => return vec![fault(text, &error)],
        }
    }
    Vec::new()
}

/// The line in which a variable stands between braces.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let word = Regex::new(&format!(r"\{{[{{%][^}}]*\b{}\b", regex::escape(name))).ok()?;
    let at = word.find(text)?.end();
    Some(text[..at].matches('\n').count() + 1)
}

fn fault(text: &str, error: &Error) -> Fault {
    let line = error.line();
    if error.kind() == ErrorKind::WriteFailure {
        return Fault { code: FaultCode::TooLong, line, what: format!("over {MOST_BYTES} bytes once rendered") };
    }
    if error.kind() == ErrorKind::UndefinedError {
        let what = error.range().and_then(|place| text.get(place)).unwrap_or("a variable").to_owned();
        return Fault { code: FaultCode::MissingVariable, line, what };
    }
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    let what = format!("{}{source}", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned));
    Fault { code: FaultCode::Wrong, line, what }
}
