//! What must not leave the pod in a text: the run token in every form, whatever looks like a credential, and people's
//! addresses.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;
use vault::Redactor;

/// Knows the run token; cannot be printed.
#[derive(Clone)]
pub struct Redact {
    secrets: Redactor,
    people: Redactor,
}

impl Redact {
    /// A redactor that knows `token`, alone and as the credentials that proxy clients send for `run`.
    #[must_use]
    pub fn new(run: Uuid, token: &SecretString) -> Self {
        let token = token.expose_secret();
        let secrets = Redactor::new([token, &format!("{run}:{token}")]);
        Self { people: secrets.clone().with_addresses(), secrets }
    }

    /// A text for people: without secrets and addresses, and without the NUL that Postgres cannot store.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.people.redact(text).replace('\0', "\u{fffd}")
    }

    /// A text without secrets, addresses kept.
    #[must_use]
    pub fn secrets<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets.redact(text)
    }

    /// JSON lines without secrets, which stay JSON lines: what looks like a key may reach over the end of a string.
    #[must_use]
    pub fn json_lines(&self, lines: &str) -> String {
        lines.split_inclusive('\n').map(|line| self.json_line(line)).collect()
    }

    fn json_line<'t>(&self, line: &'t str) -> Cow<'t, str> {
        let cleaned = self.secrets(line);
        if matches!(cleaned, Cow::Borrowed(_)) {
            return cleaned;
        }
        match serde_json::from_str::<Value>(line) {
            Ok(value) => Cow::Owned(format!("{}\n", self.value(value))),
            Err(_) => cleaned,
        }
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.secrets(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, self.value(field))).collect(),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "cxr_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    #[test]
    fn a_session_stays_json_and_loses_its_secrets() {
        let redact = Redact::new(Uuid::nil(), &TOKEN.into());
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA";
        let line = serde_json::json!({"said": [key, TOKEN, "olga@acme.test"], "after": "kept"}).to_string();
        let cleaned = redact.json_lines(&format!("{line}\n{{\"n\":1}}\nhalf a line {TOKEN}"));
        let mut lines = cleaned.lines();
        let first: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!(first["after"], "kept");
        assert_eq!(first["said"][2], "olga@acme.test");
        assert_eq!(lines.next(), Some("{\"n\":1}"));
        assert!(!cleaned.contains(TOKEN) && !cleaned.contains("MC4CAQ"), "{cleaned}");
    }

    #[test]
    fn people_read_neither_tokens_nor_addresses() {
        let redact = Redact::new(Uuid::nil(), &TOKEN.into());
        assert_eq!(redact.text(&format!("{TOKEN}\0 olga@acme.test")), "[redacted]\u{fffd} [redacted]");
    }
}
