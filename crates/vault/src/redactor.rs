//! Takes secrets out of texts before they leave: those it was told, in every form they can appear in, and those that
//! look like one.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use crate::forms::{Form, forms};
use crate::shapes::{ADDRESSES, CREDENTIALS, Shape};
use crate::stream::StreamRedactor;

/// What stands where a secret was.
pub const MARK: &str = "[redacted]";

/// Knows what must not leave. Cheap to clone; a text and a stream of it in pieces are cleaned alike.
#[derive(Clone)]
pub struct Redactor {
    known: Arc<Known>,
    addresses: bool,
}

struct Known {
    /// Sorted, so that those with the same first byte stand together.
    literals: Vec<Form>,
    /// Finds texts that need no work. `None` when it could not be built, so that every text is looked through.
    suspicion: Option<AhoCorasick>,
}

impl Redactor {
    /// Knows these values, encoded or not, besides everything that has the shape of a credential. Values under six bytes
    /// are ignored: they would take harmless words out of every text.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut literals: Vec<Form> = secrets.into_iter().flat_map(forms).collect();
        literals.sort_by(|a, b| a.as_slice().cmp(b));
        literals.dedup();
        let prefixes = CREDENTIALS.iter().map(|shape| shape.prefix);
        let suspicion = AhoCorasick::new(literals.iter().map(|form| form.as_slice()).chain(prefixes)).ok();
        Self { known: Arc::new(Known { literals, suspicion }), addresses: false }
    }

    /// Takes out people's e-mail addresses too.
    #[must_use]
    pub fn with_addresses(self) -> Self {
        Self { addresses: true, ..self }
    }

    /// The text without secrets; borrowed when there was none.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let suspicious = self.known.suspicion.as_ref().is_none_or(|words| words.is_match(text));
        let may_address = self.addresses && text.contains('@');
        if !suspicious && !may_address {
            return Cow::Borrowed(text);
        }
        let mut stream = self.stream();
        let mut cleaned = stream.push(text.as_bytes());
        cleaned.extend(stream.finish());
        if cleaned == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(String::from_utf8_lossy(&cleaned).into_owned())
    }

    /// A redactor for one stream that arrives in pieces.
    #[must_use]
    pub fn stream(&self) -> StreamRedactor {
        StreamRedactor::new(self.clone())
    }

    /// The known forms that begin with this byte.
    pub(crate) fn literals_from(&self, first: u8) -> &[Form] {
        let literals = &self.known.literals;
        let begin = literals.partition_point(|form| form.first() < Some(&first));
        let length = literals[begin..].partition_point(|form| form.first() == Some(&first));
        &literals[begin..begin + length]
    }

    pub(crate) fn shapes(&self) -> impl Iterator<Item = &'static Shape> + use<> {
        CREDENTIALS.iter().chain(ADDRESSES.iter().filter({
            let addresses = self.addresses;
            move |_| addresses
        }))
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} known forms)", self.known.literals.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

    #[test]
    fn shapes_are_taken_out_whole_and_their_surroundings_stay() {
        let jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc=\n-----END RSA PRIVATE KEY-----";
        let table = [
            (format!("a {TOKEN} b"), "a [redacted] b".to_owned()),
            (format!("x:{TOKEN}"), "x:[redacted]".to_owned()),
            (format!("Bearer {jwt}, and"), "Bearer [redacted], and".to_owned()),
            (format!("key:\n{key}\nafter it"), "key:\n[redacted]\nafter it".to_owned()),
            (format!("{key}{key}."), "[redacted].".to_owned()),
            ("-----BEGIN PRIVATE KEY-----\nMIIE".to_owned(), "[redacted]".to_owned()),
            ("OPENAI=sk-proj-AbCdEf0123456789xyz".to_owned(), "OPENAI=[redacted]".to_owned()),
            (format!("cut {}", &jwt[..34]), "cut [redacted]".to_owned()),
        ];
        for (text, cleaned) in table {
            assert_eq!(Redactor::default().redact(&text), cleaned);
        }
    }

    #[test]
    fn a_json_line_stays_json() {
        let line =
            serde_json::json!({ "m": format!("see\n{TOKEN}\tsk-AbCdEf0123456789xyzw\njo@example.org") }).to_string();
        let cleaned = Redactor::default().with_addresses().redact(&line).into_owned();
        let value: serde_json::Value = serde_json::from_str(&cleaned).unwrap();
        assert_eq!(value["m"], "see\n[redacted]\t[redacted]\n[redacted]");
    }

    #[test]
    fn harmless_texts_are_returned_as_they_are() {
        let redactor = Redactor::new(["hunter22"]).with_addresses();
        for text in [
            "the task-queue of sk-folding-cube-container",
            "ghp_ is a prefix, eyJ too",
            "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
            "codex@0.169.0, git@github.com:o/r.git and @octocat",
            "hunter2 hunter 22 aHVudGVy",
            "straße 東京 🦀",
        ] {
            assert!(matches!(redactor.redact(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn addresses_go_only_when_asked() {
        let text = "by Jo <jo.o'neil@mail.example.org>, ok";
        assert_eq!(Redactor::default().redact(text), text);
        assert_eq!(Redactor::default().with_addresses().redact(text), "by Jo <[redacted]>, ok");
        assert_eq!(Redactor::default().with_addresses().redact("to jo@example.org."), "to [redacted].");
    }

    #[test]
    fn known_values_go_in_every_form_and_overlaps_leave_no_rest() {
        let redactor = Redactor::new(["s3cret/value", "value-and-more"]);
        assert_eq!(redactor.redact("s3cret/value-and-more!"), "[redacted]!");
        assert_eq!(redactor.redact("https://u:s3cret%2Fvalue@h/"), "https://u:[redacted]@h/");
        assert!(!format!("{redactor:?}").contains("s3cret"));
    }
}
