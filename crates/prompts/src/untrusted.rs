//! Text from outside on its way to a model: fenced as data, with nothing hidden in it.

use sha2::{Digest, Sha256};

/// A fence mark that the text cannot contain on purpose: it is made from the text's own hash.
#[must_use]
pub fn fence(title: &str, body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(title.as_bytes());
    hash.update([0]);
    hash.update(body.as_bytes());
    hex::encode(&hash.finalize()[..8])
}

/// The text with every character that people do not see written out as `<U+XXXX>`: what the agent reads is what the
/// person who let it in could read.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
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

/// Control characters but line ends and tabs; zero-width and joining characters; direction overrides; tags; soft
/// hyphens; variation selectors beyond the emoji's.
fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' | '\r' => false,
        _ if c.is_control() => true,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}' => true,
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' => true,
        '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_written_out() {
        assert_eq!(visible("a\u{200B}b\u{202E}c\u{E0041}\u{7}"), "a<U+200B>b<U+202E>c<U+E0041><U+0007>");
        assert_eq!(visible("plain, кириллица, 👍\n\tcode"), "plain, кириллица, 👍\n\tcode");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line(" olga\n\n# Rules\t\u{200B} "), "olga # Rules <U+200B>");
    }

    #[test]
    fn a_fence_depends_on_all_of_the_text() {
        assert_eq!(fence("t", "b"), fence("t", "b"));
        assert_ne!(fence("t", "b"), fence("tb", ""));
    }
}
