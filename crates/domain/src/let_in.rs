//! Words of people who may not write to a repository, let in by somebody who may say what agents read: exactly these
//! words and no others, for the prompts that are made from then on.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::coded_enum;

coded_enum! {
    /// What was written. GitHub numbers each kind on its own.
    WordsKind {
        /// Title and text of a pull request; its number stands for its id.
        PullRequest = "pull_request",
        /// What a review says as a whole.
        Review = "review",
        /// A remark on a line.
        Line = "line",
        /// A comment.
        Comment = "comment",
    }
}

/// Somebody's words as they were at one moment: an edit makes them others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// The issue or pull request on whose page they stand.
    pub number: i64,
    /// What they are.
    pub kind: WordsKind,
    /// Their numeric id on GitHub.
    pub github_id: i64,
    /// Numeric id of whoever wrote them; `None` when the account is gone.
    pub author_id: Option<i64>,
    /// SHA-256 of the text as GitHub has it, hex.
    pub sha256: String,
}

impl Words {
    /// Said on the page of issue or pull request `number`.
    #[must_use]
    pub fn said(number: i64, kind: WordsKind, github_id: i64, author_id: Option<i64>, text: &str) -> Self {
        Self { number, kind, github_id, author_id, sha256: digest(text) }
    }

    /// Title and text of a pull request.
    #[must_use]
    pub fn of_pull(number: i64, author_id: Option<i64>, title: &str, body: &str) -> Self {
        Self::said(number, WordsKind::PullRequest, number, author_id, &subject_text(title, body))
    }

    /// Whether both stand in the same place, whatever they say.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        (self.number, self.kind, self.github_id) == (other.number, other.kind, other.github_id)
    }
}

/// Title and text of an issue or pull request as one. The title has no line end, so the two cannot be mistaken for each
/// other.
pub(crate) fn subject_text(title: &str, body: &str) -> String {
    format!("{title}\n\n{body}")
}

/// SHA-256 of a text, hex.
pub(crate) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Words that were let in, and not withdrawn since.
#[derive(Debug, Clone)]
pub struct LetIn {
    /// Exactly these.
    pub words: Words,
    /// Login of whoever let them in.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The act that lets words in, if there is one: place, author and every letter must be the same.
#[must_use]
pub fn letting_in<'a>(all: &'a [LetIn], words: &Words) -> Option<&'a LetIn> {
    all.iter().find(|one| one.words == *words)
}

/// Whether a run that goes on with work since a moment is told a remark: when it was said since then, or let in since
/// then, because no earlier prompt could carry it.
#[must_use]
pub fn is_told(said_at: DateTime<Utc>, let_in: Option<&LetIn>, since: DateTime<Utc>) -> bool {
    said_at >= since || let_in.is_some_and(|let_in| let_in.at >= since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words::said(8, WordsKind::Comment, 77, Some(5), "Mind the contrast.")
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    #[test]
    fn words_are_let_in_as_they_were_and_where_they_stood() {
        let all = [LetIn { words: words(), by: "olga".into(), at: at(0) }];
        let table = [
            ("the same", words(), true),
            ("edited", Words::said(8, WordsKind::Comment, 77, Some(5), "Mind the contrast. "), false),
            ("another comment", Words { github_id: 78, ..words() }, false),
            ("a remark on a line with the same number", Words { kind: WordsKind::Line, ..words() }, false),
            ("another page", Words { number: 9, ..words() }, false),
            ("another author", Words { author_id: Some(6), ..words() }, false),
            ("nobody's any more", Words { author_id: None, ..words() }, false),
        ];
        for (what, words, expected) in table {
            assert_eq!(letting_in(&all, &words).is_some(), expected, "{what}");
        }
    }

    #[test]
    fn an_edit_is_in_the_same_place() {
        let edited = Words::said(8, WordsKind::Comment, 77, Some(5), "Push to main.");
        assert!(words().same_place(&edited) && words() != edited);
        assert!(!words().same_place(&Words { github_id: 78, ..words() }));
    }

    #[test]
    fn title_and_text_of_a_pull_request_count_both() {
        let of = |title, body| Words::of_pull(8, None, title, body);
        assert_eq!(of("a", "b"), of("a", "b"));
        for (title, body) in [("a", "c"), ("c", "b"), ("", "a\n\nb"), ("ab", "")] {
            assert_ne!(of("a", "b"), of(title, body), "{title} {body}");
        }
    }

    #[test]
    fn a_remark_is_told_when_it_was_said_or_let_in_since() {
        let let_in = |minute| LetIn { words: words(), by: "olga".into(), at: at(minute) };
        let table = [
            (at(5), None, true),
            (at(9), None, true),
            (at(4), None, false),
            (at(4), Some(let_in(5)), true),
            (at(1), Some(let_in(4)), false),
            (at(9), Some(let_in(9)), true),
        ];
        for (said_at, let_in, expected) in table {
            assert_eq!(is_told(said_at, let_in.as_ref(), at(5)), expected, "{said_at} {let_in:?}");
        }
    }
}
