//! Closing keywords: words that would make GitHub close the issue on merge, before its next stage.
//!
//! The nine keywords and their forms are GitHub's ("Linking a pull request to an issue"): a keyword, an optional
//! colon, then `#n`, `owner/name#n` or the address of an issue.

const KEYWORDS: [&str; 9] = ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"];

/// Where a closing keyword with its reference stands in a text: byte range of the keyword, the colon included.
fn find(text: &str) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for word in text.split_inclusive(|c: char| c.is_whitespace()) {
        let end = start + word.len();
        if let Some(range) = keyword_at(text, start, word.trim_end())
            && is_reference(text[end..].split_whitespace().next().unwrap_or(""))
        {
            return Some(range);
        }
        start = end;
    }
    None
}

fn keyword_at(text: &str, start: usize, word: &str) -> Option<std::ops::Range<usize>> {
    let lead = word.len() - word.trim_start_matches(|c: char| !c.is_alphanumeric()).len();
    let bare = word[lead..].trim_end_matches(':').to_lowercase();
    let begin = start + lead;
    debug_assert!(text.is_char_boundary(begin));
    KEYWORDS.contains(&bare.as_str()).then(|| begin..start + word.len())
}

fn is_reference(word: &str) -> bool {
    let word = word.trim_start_matches(['(', '[', '*', '_', '`']);
    let number = |digits: &str| digits.starts_with(|c: char| c.is_ascii_digit());
    if let Some((before, after)) = word.split_once('#') {
        return number(after) && (before.is_empty() || before.contains('/'));
    }
    let gh = word.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("gh-")) && number(&word[3..]);
    gh || word.split_once("/issues/").is_some_and(|(_, after)| number(after))
}

/// Whether the text would close an issue.
#[must_use]
pub fn closes_an_issue(text: &str) -> bool {
    find(text).is_some()
}

/// The text with each closing keyword turned into `Refs`, which links without closing.
#[must_use]
pub fn defuse(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(range) = find(&text) {
        text.replace_range(range, "Refs");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_and_every_form_is_found() {
        for keyword in KEYWORDS {
            for reference in ["#12", "acme/app#12", "GH-12", "http://github.test/acme/app/issues/12"] {
                for text in [
                    format!("{keyword} {reference}"),
                    format!("This {}: {reference}.", keyword.to_uppercase()),
                    format!("({keyword}\n{reference})"),
                ] {
                    assert!(closes_an_issue(&text), "{text}");
                    assert!(!closes_an_issue(&defuse(&text)), "{text}");
                }
            }
        }
    }

    #[test]
    fn ordinary_prose_stays() {
        for text in
            ["Fix the parser", "fixes a bug in #parser", "Refs #12", "closed door", "prefix #12", "фикс #12", ""]
        {
            assert!(!closes_an_issue(text), "{text}");
            assert_eq!(defuse(text), text);
        }
    }

    #[test]
    fn defusing_keeps_the_link() {
        assert_eq!(defuse("Closes: #3 and fixes #4"), "Refs #3 and Refs #4");
    }
}
