use base64::Engine;
use secrecy::ExposeSecret;

use super::*;
use crate::Decoy;

const ID: &str = "AKIAXQ2RMZ7VNEXAMP4K";
const KEY: &str = "hZq0bVtG4mXwE9rTnYuP2sLkJdFaC7oI5QxWvB8K";

fn decoy() -> Decoy {
    Decoy::parse(&format!("{ID}:{KEY}")).unwrap()
}

fn look(text: &str) -> Option<Look> {
    decoy().lookout().find(text.as_bytes()).map(|sighting| sighting.look)
}

/// Breaks a text into lines.
fn wrapped(text: &str, columns: usize, with: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(columns).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>().join(with)
}

#[test]
fn it_is_found_however_it_is_written() {
    let file = decoy().file().expose_secret().to_owned();
    let utf16: String = KEY.chars().flat_map(|letter| [letter, '\0']).collect();
    let percent: String = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let code: String = KEY.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let table = [
        (KEY.to_owned(), Look::Plain),
        (ID.to_owned(), Look::Plain),
        (file.clone(), Look::Plain),
        (KEY.to_lowercase(), Look::Plain),
        (format!("KEY={KEY}x"), Look::Plain),
        (format!("\\{KEY}%{KEY}"), Look::Plain),
        (format!("https://h/?q=%{KEY}"), Look::Plain),
        (wrapped(KEY, 7, "\n"), Look::Plain),
        (wrapped(KEY, 7, "\", \""), Look::Plain),
        (serde_json::json!({ "a": wrapped(&file, 9, "\r\n") }).to_string(), Look::Plain),
        (serde_json::json!(serde_json::json!(wrapped(KEY, 3, "\n")).to_string()).to_string(), Look::Plain),
        (utf16, Look::Plain),
        (percent, Look::Plain),
        (code, Look::Plain),
        (hex::encode(KEY), Look::Hex),
        (wrapped(&hex::encode_upper(&file), 60, "\n"), Look::Hex),
        (wrapped(&STANDARD.encode(&file), 76, "\n"), Look::Base64),
        (serde_json::json!(wrapped(&STANDARD.encode(&file), 76, "\n")).to_string(), Look::Base64),
        (URL_SAFE.encode(format!("é{KEY}")), Look::Base64),
    ];
    for (text, expected) in table {
        assert_eq!(look(&text), Some(expected), "{text}");
    }
    for before in ["", "a", "ab", "abc"] {
        assert_eq!(look(&STANDARD.encode(format!("{before}{KEY}!"))), Some(Look::Base64), "after {before:?}");
    }
}

#[test]
fn what_only_looks_like_it_is_nothing() {
    let other = Decoy::generate();
    let file = other.file().expose_secret().to_owned();
    for text in [
        file.as_str(),
        &STANDARD.encode(&file),
        &KEY[..39],
        &ID[..19],
        &KEY.chars().rev().collect::<String>(),
        "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "aws_access_key_id = \naws_secret_access_key = \n",
        "",
    ] {
        assert_eq!(look(text), None, "{text}");
    }
}

#[test]
fn it_is_found_across_pieces_wherever_they_are_cut() {
    let text = format!("before {} after", wrapped(KEY, 11, "\\n"));
    let whole = decoy().lookout().find(text.as_bytes()).unwrap();
    for cut in 0..text.len() {
        let mut stream = decoy().lookout().stream();
        let (first, second) = text.as_bytes().split_at(cut);
        assert_eq!(stream.push(first).or_else(|| stream.push(second)), Some(whole), "cut at {cut}");
    }
    let mut stream = decoy().lookout().stream();
    let found: Vec<_> = text.bytes().filter_map(|byte| stream.push(&[byte])).collect();
    assert_eq!(found, [whole]);
}

#[test]
fn an_excerpt_shows_where_it_was_and_nothing_else() {
    let lookout = decoy().lookout();
    let text =
        format!("{}I read\u{1b} {} olga@acme.test{}", "x".repeat(500), decoy().file().expose_secret(), "y".repeat(500));
    let sighting = lookout.find(text.as_bytes()).unwrap();
    assert_eq!(&text[sighting.start..sighting.end], ID);
    let shown = lookout.excerpt(text.as_bytes(), sighting);
    assert!(shown.contains("[production] aws_access_key_id = [decoy] aws_secret_access_key = [decoy]"), "{shown}");
    assert!(shown.contains("[redacted]") && !shown.contains("acme.test") && !shown.contains('\u{1b}'), "{shown}");
    assert!(shown.len() < 400 && lookout.find(shown.as_bytes()).is_none(), "{shown}");
}
