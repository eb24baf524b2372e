//! What must not leave the pod in a text: the run token in every form it is sent in, and people's addresses.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// Stands where the run token was.
const MARK: &str = "[redacted]";

/// Knows the run token; cannot be printed.
pub struct Redact {
    forms: Vec<SecretString>,
}

impl Redact {
    /// A redactor that knows `token`, alone and as the credentials that proxy clients send for `run`.
    #[must_use]
    pub fn new(run: Uuid, token: &SecretString) -> Self {
        let token = token.expose_secret();
        let forms = [token.to_owned(), STANDARD.encode(token), STANDARD.encode(format!("{run}:{token}"))];
        Self { forms: forms.into_iter().map(SecretString::from).collect() }
    }

    /// A text for people: without secrets and addresses, and without the NUL that Postgres cannot store.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        runtime::redact::clean(&self.own(text)).replace('\0', "\u{fffd}")
    }

    /// A text for the platform alone, such as the session file: only the run's own token is taken out, so that the
    /// rest stays byte for byte what codex wrote.
    #[must_use]
    pub fn own(&self, text: &str) -> String {
        let replace = |text: String, form: &SecretString| text.replace(form.expose_secret(), MARK);
        self.forms.iter().fold(text.to_owned(), replace)
    }
}
