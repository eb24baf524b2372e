//! Text from outside on its way to a model: fenced as data, with nothing hidden in it, and left out when nobody who may
//! write let it in.
//!
//! What people do not see on the page is marked between `⟪` and `⟫`. Neither of the two survives in the text itself, so
//! every mark is the platform's.

mod hidden;
mod imitation;
#[cfg(test)]
mod tests;

use std::ops::Range;

use domain::coded_enum;
use domain::hidden::is_hidden;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use self::hidden::compiled;

coded_enum! {
    /// What a mark is about.
    MarkKind {
        /// A character without a shape, or one that turns the direction of writing.
        Character = "character",
        /// A comment in HTML: nobody sees it on the page.
        Comment = "comment",
        /// An element or attribute of HTML that the page does not show.
        Element = "element",
        /// A definition of Markdown that the page does not show.
        Reference = "reference",
        /// Something that looks as if it came from the platform or from a model's own dialogue.
        Imitation = "imitation",
    }
}

/// A place in a shown text that people do not see on the page, or that pretends to be what it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What it is.
    pub kind: MarkKind,
    /// Where it begins, in UTF-16 units, as browsers count.
    pub start: usize,
    /// Where it ends. A mark may lie within another.
    pub end: usize,
}

const OPEN: char = '⟪';
const CLOSE: char = '⟫';

/// Whose words reach an agent: those of people who may write to the repository anyway, and what such a person let in.
#[must_use]
pub fn reaches_agent(permission: &str, let_in: bool) -> bool {
    let_in || matches!(permission, "write" | "maintain" | "admin")
}

/// A fence mark that the text cannot contain on purpose: it is made from the text's own hash.
#[must_use]
pub fn fence(title: &str, body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(title.as_bytes());
    hash.update([0]);
    hash.update(body.as_bytes());
    hex::encode(&hash.finalize()[..12])
}

/// What stands in the fence of a text that has one, without the platform's words around it.
#[must_use]
pub fn inside(text: &str) -> Option<&str> {
    let (_, fenced) = text.split_once("\n<<<DATA ")?;
    let (label, fenced) = fenced.split_once('\n')?;
    fenced.split_once(&format!("\nDATA {label}>>>")).map(|(inside, _)| inside)
}

/// Text in Markdown with everything marked that people do not see on its page: what the agent reads is what the person
/// who let it in could read, and what they could not is told apart.
#[must_use]
pub fn shown(text: &str) -> String {
    // Of two marks for the same place the first one counts.
    let mut places = imitation::places(text);
    places.extend(hidden::places(text));
    marked(text, places)
}

/// The same for text that no page renders as Markdown: titles, places in files.
#[must_use]
pub fn shown_plain(text: &str) -> String {
    marked(text, imitation::places(text))
}

/// The text with every character that people do not see written out as `⟪U+XXXX⟫`.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) || matches!(c, OPEN | CLOSE) {
            shown.push_str(&format!("{OPEN}U+{:04X}{CLOSE}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The text in one line with nothing hidden in it: fit to stand outside a fence.
#[must_use]
pub fn line(text: &str) -> String {
    visible(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every mark of a shown text, in the order in which they begin.
#[must_use]
pub fn marks(shown: &str) -> Vec<Mark> {
    let (mut marks, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    let mut rest = shown;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((word, after)) = after.split_once(CLOSE) else { break };
        let start = at + units(before);
        at = start + units(word) + 2;
        rest = after;
        if word.starts_with("U+") {
            marks.push(Mark { kind: MarkKind::Character, start, end: at });
        } else if word.starts_with('/') {
            let begun = open.pop().and_then(|place: usize| marks.get_mut(place));
            begun.into_iter().for_each(|mark| mark.end = at);
        } else if let Ok(kind) = word.parse() {
            open.push(marks.len());
            marks.push(Mark { kind, start, end: at });
        }
    }
    marks
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The first hidden character of a text that should have none, with its line.
pub(crate) fn hidden_character(text: &str) -> Option<(usize, char)> {
    let lines = text.lines().zip(1..);
    lines.flat_map(|(line, number)| line.chars().map(move |c| (number, c))).find(|(_, c)| is_hidden(*c))
}

/// Writes marks around places, of which the outermost count.
fn marked(text: &str, mut places: Vec<(Range<usize>, MarkKind)>) -> String {
    places.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
    for (place, kind) in places.into_iter().filter(|(place, _)| !place.is_empty()) {
        if place.start >= at {
            shown += &visible(&text[at..place.start]);
            shown += &format!("{OPEN}{kind}{CLOSE}{}{OPEN}/{kind}{CLOSE}", visible(&text[place.clone()]));
            at = place.end;
        }
    }
    shown + &visible(&text[at..])
}
