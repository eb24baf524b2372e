//! What a run says, without what reads like a secret or somebody's address, and without the NUL that Postgres cannot store.
//! The runner cleans as well, but whoever holds the token of a run can do without the runner.

use std::sync::LazyLock;

use serde_json::Value;
use vault::Redactor;

/// Knows what a credential looks like. One for all texts: an answer may have hundreds.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new([]).with_addresses());

pub(super) fn text(text: &str) -> String {
    REDACTOR.redact(text).replace('\0', "\u{fffd}")
}

/// All texts of a value; how its fields are called says who reads it.
pub(super) fn value(value: Value) -> Value {
    match value {
        Value::String(said) => Value::String(text(&said)),
        Value::Array(items) => items.into_iter().map(self::value).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, self::value(field))).collect(),
        other => other,
    }
}
