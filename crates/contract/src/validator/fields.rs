//! What the schema validator found, as fields that a client can point at. Values are masked: a refusal may be logged or
//! shown to others, and the value may be a secret in the wrong place.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::gateway::FieldProblem;

/// Stands for the value in messages.
const MASK: &str = "the value";
/// A body may be wrong in a hundred thousand places; nobody reads more than this.
const MOST: usize = 100;

/// Everything wrong in a JSON body; fields are JSON pointers.
pub(crate) fn body_problems(schema: &jsonschema::Validator, value: &Value) -> Vec<FieldProblem> {
    schema.iter_errors(value).flat_map(|error| pointed(&error)).take(MOST).collect()
}

/// Everything wrong with one parameter; `name` is for example `query.limit`.
pub(super) fn parameter_problems(schema: &jsonschema::Validator, name: &str, value: &Value) -> Vec<FieldProblem> {
    let errors = schema.iter_errors(value).take(MOST);
    errors.map(|error| FieldProblem::new(name, masked(&error))).collect()
}

fn pointed(error: &ValidationError<'_>) -> Vec<FieldProblem> {
    let parent = error.instance_path().as_str();
    let at = |name: &str, code: &str, message: &str| {
        let field = format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"));
        FieldProblem { code: Some(code.to_owned()), ..FieldProblem::new(field, message) }
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            vec![at(property.as_str().unwrap_or_default(), "missing", "is required")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| at(name, "unknown", "is not known here")).collect()
        }
        kind => {
            let (code, bound) = wordable(kind).map_or((None, None), |(code, bound)| (Some(code.to_owned()), bound));
            vec![FieldProblem { code, what: bound, ..FieldProblem::new(parent, masked(error)) }]
        }
    }
}

/// What clients can word in the reader's language: a code, and the bound that was passed.
fn wordable(kind: &ValidationErrorKind) -> Option<(&'static str, Option<String>)> {
    match kind {
        ValidationErrorKind::Pattern { .. } => Some(("pattern", None)),
        ValidationErrorKind::MinLength { limit } => Some(("too_short", Some(limit.to_string()))),
        ValidationErrorKind::MaxLength { limit } => Some(("too_long", Some(limit.to_string()))),
        ValidationErrorKind::Minimum { limit } => Some(("too_small", Some(limit.to_string()))),
        ValidationErrorKind::Maximum { limit } => Some(("too_great", Some(limit.to_string()))),
        ValidationErrorKind::MinItems { limit } => Some(("too_few", Some(limit.to_string()))),
        _ => None,
    }
}

fn masked(error: &ValidationError<'_>) -> String {
    error.masked_with(MASK).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_clients_can_word_has_a_code_and_its_bound() {
        let schema = jsonschema::validator_for(&json!({
            "additionalProperties": false,
            "required": ["name"],
            "properties": {
                "name": {},
                "host": { "pattern": "^[a-z]+$" },
                "short": { "minLength": 3 },
                "long": { "maxLength": 3 },
                "small": { "minimum": 60 },
                "great": { "maximum": 60 },
                "few": { "minItems": 1 },
                "other": { "type": "boolean" },
            },
        }));
        let value = json!({
            "more": 1, "host": "A", "short": "a", "long": "abcd", "small": 1, "great": 61, "few": [], "other": 1,
        });
        let mut found: Vec<_> = body_problems(&schema.unwrap(), &value)
            .into_iter()
            .map(|problem| (problem.field, problem.code.unwrap_or_default(), problem.what.unwrap_or_default()))
            .collect();
        found.sort();
        let expected = [
            ("/few", "too_few", "1"),
            ("/great", "too_great", "60"),
            ("/host", "pattern", ""),
            ("/long", "too_long", "3"),
            ("/more", "unknown", ""),
            ("/name", "missing", ""),
            ("/other", "", ""),
            ("/short", "too_short", "3"),
            ("/small", "too_small", "60"),
        ];
        assert_eq!(found, expected.map(|(field, code, what)| (field.to_owned(), code.to_owned(), what.to_owned())));
    }
}
