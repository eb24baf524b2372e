//! Finds planted values in whatever an agent sends: as they are, in hexadecimal or base64 digits, alone or inside
//! something larger, wrapped over lines, escaped for JSON, shells or addresses, in either case of letters.
//!
//! What is encrypted, compressed or spelled in other words is not found.

mod escapes;

use std::sync::Arc;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::forms::inner_base64;
use crate::redactor::Redactor;
use escapes::Escapes;

/// What stands in an excerpt where a planted value was.
const MARK: &str = "[decoy]";
/// Bytes on both sides of a finding that an excerpt shows.
const AROUND: usize = 120;

/// How a planted value looked where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As it is, perhaps with escapes or line breaks in between.
    Plain,
    /// As hexadecimal digits.
    Hex,
    /// As base64.
    Base64,
}

impl Look {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }
}

/// A planted value that was found, by its place in the bytes that were looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// How it looked.
    pub look: Look,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// Knows planted values. Cheap to clone.
#[derive(Clone)]
pub struct Lookout(Arc<Known>);

struct Known {
    /// `None`: it could not be built, which it always can be for values of this size. Then everything is suspicious.
    words: Option<NFA>,
    looks: Vec<Look>,
    lengths: Vec<usize>,
}

impl Lookout {
    /// Looks out for these values, which are letters and digits alone.
    pub(crate) fn for_values(values: &[&str]) -> Self {
        let mut forms = Vec::new();
        for value in values {
            forms.push((Look::Plain, (*value).to_owned()));
            forms.push((Look::Hex, hex::encode(value)));
            for offset in 0..3 {
                forms.push((Look::Base64, inner_base64(&STANDARD, value.as_bytes(), offset)));
                forms.push((Look::Base64, inner_base64(&URL_SAFE, value.as_bytes(), offset)));
            }
        }
        let words = NFA::builder().ascii_case_insensitive(true).build(forms.iter().map(|(_, form)| form)).ok();
        let lengths = forms.iter().map(|(_, form)| form.len()).collect();
        Self(Arc::new(Known { words, looks: forms.into_iter().map(|(look, _)| look).collect(), lengths }))
    }

    /// The first planted value in `text`.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Option<Sighting> {
        self.stream().push(text)
    }

    /// For a text that comes in pieces: a value that lies across them is found too.
    #[must_use]
    pub fn stream(&self) -> LookoutStream {
        let longest = self.0.lengths.iter().copied().max().unwrap_or(1);
        let state = self.0.words.as_ref().and_then(|words| words.start_state(Anchored::No).ok());
        let starts = vec![0; longest];
        LookoutStream { lookout: self.clone(), escapes: Escapes::default(), state, seen: 0, kept: 0, starts }
    }

    /// What stands around a finding, for people.
    #[must_use]
    pub fn excerpt(&self, text: &[u8], sighting: Sighting) -> String {
        self.clean(&text[sighting.start.saturating_sub(AROUND)..text.len().min(sighting.end.saturating_add(AROUND))])
    }

    /// A text for people: no planted value, no other secret and no address is in it.
    #[must_use]
    pub fn clean(&self, text: &[u8]) -> String {
        let (mut shown, mut rest) = (String::new(), text);
        while let Some(Sighting { start, end, .. }) = self.find(rest) {
            shown.push_str(&String::from_utf8_lossy(&rest[..start]));
            shown.push_str(MARK);
            rest = &rest[end..];
        }
        shown.push_str(&String::from_utf8_lossy(rest));
        let clean = Redactor::default().with_addresses().redact(&shown).into_owned();
        clean.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
    }
}

/// Looks through one stream. It keeps some hundred bytes, however long the stream is.
pub struct LookoutStream {
    lookout: Lookout,
    escapes: Escapes,
    state: Option<StateID>,
    /// Bytes so far.
    seen: usize,
    /// Letters so far, once escapes were undone and everything else was left out.
    kept: usize,
    /// Where the last of those letters began, in a ring.
    starts: Vec<usize>,
}

impl LookoutStream {
    /// Takes the next piece; answers the first planted value that ends in it.
    pub fn push(&mut self, piece: &[u8]) -> Option<Sighting> {
        let known = self.lookout.0.clone();
        let (Some(words), Some(mut state)) = (&known.words, self.state) else {
            return Some(Sighting { look: Look::Plain, start: 0, end: 0 });
        };
        let (starts, kept) = (&mut self.starts, &mut self.kept);
        for &byte in piece {
            let (mut found, at) = (None, self.seen);
            self.escapes.read(byte, at, &mut |letter, start| {
                let ring = starts.len();
                starts[*kept % ring] = start;
                *kept += 1;
                state = words.next_state(Anchored::No, state, letter);
                if words.is_match(state) && found.is_none() {
                    let form = words.match_pattern(state, 0).as_usize();
                    let first = *kept - known.lengths[form];
                    found = Some(Sighting { look: known.looks[form], start: starts[first % ring], end: at + 1 });
                }
            });
            self.seen += 1;
            if found.is_some() {
                self.state = Some(state);
                return found;
            }
        }
        self.state = Some(state);
        None
    }
}

#[cfg(test)]
mod tests;
