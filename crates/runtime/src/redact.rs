//! The last gate of everything that is logged or traced. People's e-mail addresses are taken out always; what else is
//! secret is known by the binaries, which give a function for it.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{LazyLock, OnceLock};

use regex::{Captures, Regex};
use tracing_subscriber::fmt::MakeWriter;

/// What takes secrets out of a text.
pub type RedactFn = Box<dyn Fn(&str) -> String + Send + Sync>;

/// What stands where an e-mail address was.
pub const EMAIL: &str = "[email]";

static EXTRA: OnceLock<RedactFn> = OnceLock::new();
/// A JSON escape just before an address is kept apart from it: `\n` must not lose its letter to the address.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(\\u[0-9a-f]{4}|\\.)?[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").ok()
});

/// Gives the process its redactor; every line logged afterwards passes through it. Only the first call counts, so call
/// it in `main`, before configuration that holds secrets is used. Returns whether it was the first.
pub fn set(redact: RedactFn) -> bool {
    EXTRA.set(redact).is_ok()
}

/// The text without e-mail addresses and without what the process's redactor knows.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let known = EXTRA.get().map_or(Cow::Borrowed(text), |redact| Cow::Owned(redact(text)));
    if !known.contains('@') {
        return known;
    }
    match ADDRESS.as_ref().map(|pattern| pattern.replace_all(&known, without_address)) {
        Some(Cow::Owned(cleaned)) => Cow::Owned(cleaned),
        _ => known,
    }
}

fn without_address(found: &Captures<'_>) -> String {
    format!("{}{EMAIL}", found.get(1).map_or("", |escape| escape.as_str()))
}

/// Writes log lines through [`clean`]. `tracing-subscriber` hands over one whole event per write, so nothing can slip
/// through between two writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CleanWriter<M>(pub(crate) M);

/// One event on its way out.
#[derive(Debug)]
pub(crate) struct CleanLine<W>(W);

impl<W: Write> Write for CleanLine<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(clean(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for CleanWriter<M> {
    type Writer = CleanLine<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        CleanLine(self.0.make_writer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_escape_before_an_address_stays_whole() {
        let line = serde_json::json!({"m": "to\njo@example.org and \u{1b}al@example.org"}).to_string();
        let cleaned: serde_json::Value = serde_json::from_str(&clean(&line)).unwrap();
        assert_eq!(cleaned["m"], "to\n[email] and \u{1b}[email]");
    }

    #[test]
    fn addresses_go_and_versions_and_digests_stay() {
        assert_eq!(clean("from Jo.O'Neil+x@mail.example.org, thanks"), "from [email], thanks");
        for text in ["codex@0.169.0", "image@sha256:00ff", "@octocat asked", "a @ b.c", "no address"] {
            assert_eq!(clean(text), text);
        }
    }
}
