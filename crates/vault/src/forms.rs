//! The ways a known secret can look in a text: as it is, encoded, or inside something encoded.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

/// Shorter values would take harmless words out of every text.
pub(crate) const SHORTEST: usize = 6;

/// Shorter pieces of base64 occur by chance.
const SHORTEST_ENCODED: usize = 8;

/// Lines of a secret of several lines are secrets themselves when they are at least this long: logs are read by line.
const SHORTEST_LINE: usize = 16;

/// A byte string to look for.
pub(crate) type Form = Zeroizing<Vec<u8>>;

/// Every form of `secret`; none when it is too short to be taken out of texts.
pub(crate) fn forms(secret: &str) -> Vec<Form> {
    let secret = secret.trim();
    let mut found = Vec::new();
    if secret.len() >= SHORTEST {
        add_forms(secret, &mut found);
    }
    if secret.contains('\n') {
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with('-'));
        lines.for_each(|line| add_forms(line, &mut found));
    }
    found.sort_by(|a, b| a.as_slice().cmp(b));
    found.dedup();
    found
}

fn add_forms(text: &str, found: &mut Vec<Form>) {
    let mut add = |form: &str| found.push(Zeroizing::new(form.as_bytes().to_vec()));
    add(text);
    if let Ok(quoted) = serde_json::to_string(text) {
        add(&quoted[1..quoted.len() - 1]);
    }
    let digits = Zeroizing::new(hex::encode(text));
    add(&digits);
    add(&digits.to_ascii_uppercase());
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    for encoded in [&form, &percent] {
        add(encoded);
        add(&lower_escapes(encoded));
    }
    let url = url::Url::parse("http://x").ok().and_then(|mut url| {
        url.set_password(Some(text)).ok()?;
        Some(url.password()?.to_owned())
    });
    add(url.as_deref().unwrap_or(text));
    for engine in [&STANDARD, &URL_SAFE] {
        (0..3).for_each(|offset| {
            let piece = inner_base64(engine, text.as_bytes(), offset);
            if piece.len() >= SHORTEST_ENCODED {
                add(&piece);
            }
        });
    }
}

/// What base64 of `anything + secret + anything` must contain, when the first part is `offset` bytes long modulo 3:
/// the digits that the secret alone decides. Basic credentials are one such case.
pub(crate) fn inner_base64(engine: &impl Engine, secret: &[u8], offset: usize) -> String {
    let padded = Zeroizing::new([&vec![0; offset], secret].concat());
    let encoded = Zeroizing::new(engine.encode(padded.as_slice()));
    encoded[(offset * 8).div_ceil(6)..padded.len() * 8 / 6].to_owned()
}

fn lower_escapes(encoded: &str) -> String {
    let mut letters_left = 0;
    let lower = |letter: char| {
        let in_escape = letters_left > 0;
        letters_left = if letter == '%' { 2 } else { usize::saturating_sub(letters_left, 1) };
        if in_escape { letter.to_ascii_lowercase() } else { letter }
    };
    encoded.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(secret: &str, text: &str) -> bool {
        forms(secret).iter().any(|form| memory_contains(text.as_bytes(), form))
    }

    fn memory_contains(text: &[u8], form: &[u8]) -> bool {
        text.windows(form.len()).any(|window| window == form)
    }

    #[test]
    fn encoded_forms_are_known_at_every_alignment() {
        let secret = "p/ss w\"rd+1é";
        for user in ["", "a", "ab", "abc", "abcd"] {
            assert!(finds(secret, &STANDARD.encode(format!("{user}:{secret}"))), "basic, {user}");
            assert!(finds(secret, &URL_SAFE.encode(format!("{user}:{secret}!"))), "url-safe, {user}");
        }
        for text in [
            "p%2Fss+w%22rd%2B1%C3%A9",
            "p%2fss%20w%22rd%2b1%c3%a9",
            &serde_json::json!({ "x": secret }).to_string(),
            &hex::encode(secret),
        ] {
            assert!(finds(secret, text), "{text}");
        }
    }

    #[test]
    fn lines_of_a_key_are_secrets_and_its_frame_is_not() {
        let key = "-----BEGIN THING-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END THING-----\n";
        assert!(finds(key, "line MC4CAQAwBQYDK2VwBCIEIA"));
        assert!(!finds(key, "-----BEGIN THING-----"));
    }

    #[test]
    fn short_values_are_left_alone() {
        assert!(forms("abc").is_empty());
    }
}
