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
    let at = |name: &str, message: &str| {
        FieldProblem::new(format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1")), message)
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => vec![at(property.as_str().unwrap_or_default(), "is required")],
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| at(name, "is not known here")).collect()
        }
        _ => vec![FieldProblem::new(parent, masked(error))],
    }
}

fn masked(error: &ValidationError<'_>) -> String {
    error.masked_with(MASK).to_string()
}
