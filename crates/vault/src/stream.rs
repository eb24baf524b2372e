//! The same redaction for bytes that arrive in pieces. Every position is decided only when the bytes seen suffice, so a
//! stream is cleaned exactly like the whole text, wherever it was cut.

use zeroize::Zeroizing;

use crate::redactor::{MARK, Redactor};
use crate::shapes::{CONTEXT, Run, Verdict};

/// Cleans one stream. It holds back only bytes that may be the beginning of a secret: never more than the longest known
/// form, or some hundred bytes for a shape.
#[derive(Debug)]
pub struct StreamRedactor {
    redactor: Redactor,
    pending: Zeroizing<Vec<u8>>,
    /// The last bytes decided, as they were.
    before: Zeroizing<Vec<u8>>,
    /// How many of the next bytes belong to a secret that was found.
    covered: usize,
    runs: Vec<Run>,
    marked: bool,
}

/// What is after the end: a byte that is part of no secret, so that everything before it can be decided.
const END: u8 = 0;

impl StreamRedactor {
    pub(crate) fn new(redactor: Redactor) -> Self {
        let (pending, before) = (Zeroizing::default(), Zeroizing::default());
        Self { redactor, pending, before, covered: 0, runs: Vec::new(), marked: false }
    }

    /// Takes the next piece and gives what can leave now. A character may be cut where the piece was cut.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.pending.extend_from_slice(piece);
        self.advance(self.pending.len())
    }

    /// Gives the rest, when nothing follows.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let length = self.pending.len();
        self.pending.push(END);
        self.advance(length)
    }

    fn advance(&mut self, end: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(end);
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while at < end && self.look(&pending[at..]) {
            self.step(pending[at], &mut out);
            at += 1;
        }
        self.pending.extend_from_slice(&pending[at..]);
        out
    }

    /// Notes the secrets that begin at the start of `rest`; `false` when the next bytes decide.
    fn look(&mut self, rest: &[u8]) -> bool {
        let mut reach = 0;
        for form in self.redactor.literals_from(rest[0]) {
            if rest.starts_with(form) {
                reach = reach.max(form.len());
            } else if form.starts_with(rest) {
                return false;
            }
        }
        let mut begun = Vec::new();
        for shape in self.redactor.shapes() {
            match shape.at(&self.before, rest) {
                Verdict::Unknown => return false,
                Verdict::No => {}
                Verdict::Closed(length) => reach = reach.max(length),
                Verdict::Open => begun.push(shape),
            }
        }
        self.covered = self.covered.max(reach);
        for shape in begun {
            self.runs.retain(|run| !run.is_of(shape));
            self.runs.push(Run::of(shape));
        }
        true
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.runs.retain_mut(|run| run.covers(byte));
        let secret = self.covered > 0 || !self.runs.is_empty();
        self.covered = self.covered.saturating_sub(1);
        if !secret {
            out.push(byte);
        } else if !self.marked {
            out.extend_from_slice(MARK.as_bytes());
        }
        self.marked = secret;
        if self.before.len() == CONTEXT {
            self.before.remove(0);
        }
        self.before.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "tr0ub4dor&3\"x\nline of the secret, 2";
    const FIXED: [&str; 9] = [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11ABCDEFG0abcdefghij_KLMNOPQRSTUVWXYZ",
        "sk-proj-AbCdEf0123456789xyz",
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----",
        "jo.doe@mail.example.org",
        "-----BEGIN ",
        "eyJ",
        "\\n",
    ];

    fn redactor() -> Redactor {
        static REDACTOR: LazyLock<Redactor> =
            LazyLock::new(|| Redactor::new([SECRET, "value-one", "one-value-two"]).with_addresses());
        REDACTOR.clone()
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            prop::sample::select(FIXED.to_vec()).prop_map(str::to_owned),
            prop::sample::select(vec![SECRET, "value-one", "one-value-two"]).prop_map(str::to_owned),
            Just(serde_json::to_string(SECRET).unwrap()),
            "[ -~]{0,12}",
            "[a-z@.\\\\-]{0,12}",
            "\\PC{0,4}",
        ]
    }

    fn in_chunks(text: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut stream = redactor().stream();
        let (mut out, mut rest) = (Vec::new(), text);
        for cut in cuts {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            out.extend(stream.push(now));
            rest = later;
        }
        out.extend(stream.push(rest));
        out.extend(stream.finish());
        out
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_a_stream_is_cleaned_like_the_whole(
            pieces in prop::collection::vec(piece(), 0..8),
            cuts in prop::collection::vec(0..20_usize, 0..40),
        ) {
            let text = pieces.concat();
            let whole = redactor().redact(&text).into_owned();
            prop_assert_eq!(String::from_utf8(in_chunks(text.as_bytes(), &cuts)).unwrap(), whole);
        }

        #[test]
        fn a_secret_never_comes_out(
            before in "[a-z .\\\\\"]{0,9}",
            secret in prop::sample::select(FIXED[..5].iter().copied().chain([SECRET, "value-one", "one-value-two"]).collect::<Vec<_>>()),
            after in "[ .\"]?[a-z ]{0,9}",
            cuts in prop::collection::vec(0..20_usize, 0..40),
        ) {
            // Where a word must begin, a letter before it makes it another word.
            let before = if secret.starts_with("sk-") { format!("{before} ") } else { before };
            let out = String::from_utf8(in_chunks(format!("{before}{secret}{after}").as_bytes(), &cuts)).unwrap();
            prop_assert!(out.contains(MARK), "{}", out);
            let digest: Vec<char> = secret.chars().collect();
            for part in digest.windows(8) {
                prop_assert!(!out.contains(&part.iter().collect::<String>()), "{}", out);
            }
        }

        #[test]
        fn words_without_secrets_come_out_unchanged(text in "[a-z ,;:!?\n]{0,200}", cuts in prop::collection::vec(0..20_usize, 0..40)) {
            prop_assert_eq!(in_chunks(text.as_bytes(), &cuts), text.as_bytes());
        }

        #[test]
        fn what_is_held_back_is_bounded(pieces in prop::collection::vec(piece(), 0..200)) {
            let mut stream = redactor().stream();
            for piece in pieces {
                stream.push(piece.as_bytes());
                prop_assert!(stream.pending.len() <= 512, "{} bytes", stream.pending.len());
            }
        }

        #[test]
        fn any_bytes_pass(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = in_chunks(&bytes, &[7, 1, 30]);
        }
    }

    #[test]
    fn a_finished_line_is_not_held_back() {
        assert_eq!(redactor().stream().push(b"cargo test ok\n"), b"cargo test ok\n");
    }
}
