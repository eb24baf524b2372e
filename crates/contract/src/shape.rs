//! How much a JSON document holds, seen from its bytes before anything of it is made.
//!
//! Bytes say little about that: `{"":0},` has seven, and as a value some hundreds. A value or a name takes some 350 bytes
//! at most beside its text (two make an object with one member, which is the worst), so a bound on their number is one on
//! memory. How deep a document may nest is the parser's own bound.

use http::StatusCode;

use crate::problem::Problem;

/// Refuses a document that holds more than `most` values and names.
///
/// # Errors
/// 413 in words.
pub fn check(json: &[u8], most: usize) -> Result<(), Problem> {
    if count(json) <= most {
        return Ok(());
    }
    let title = format!("The body holds more than {most} values and names");
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_values", title))
}

/// Values and names of members in a document. Of what is no JSON, at least as many as a parser makes before it sees that.
#[must_use]
pub fn count(json: &[u8]) -> usize {
    let (mut count, mut opened) = (1, false);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        }
        // The first in a list or an object has no comma before it.
        count += usize::from(opened && !matches!(byte, b']' | b'}'));
        opened = matches!(byte, b'[' | b'{');
        match byte {
            b',' | b':' => count += 1,
            b'"' => skip_text(&mut bytes),
            _ => {}
        }
    }
    count
}

fn skip_text<'a>(bytes: &mut impl Iterator<Item = &'a u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
