//! What an agent is told that goes on in another pod.

use domain::locale::Locale;
use serde::Serialize;

use crate::engine::{self, TemplateError};

/// What there is to go on from.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Replaced<'a> {
    /// The run's branch.
    pub branch: &'a str,
    /// Whether the working tree was kept; otherwise the run goes on from the branch.
    pub tree_is_kept: bool,
}

/// The message to an agent whose pod was replaced in the middle of its work: it knows its task, and not what became of
/// its files.
///
/// # Errors
/// When the template lacks a variable, which the tests rule out.
pub fn replaced(locale: Locale, facts: &Replaced<'_>) -> Result<String, TemplateError> {
    Ok(engine::render("replaced", locale, facts)?.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(locale: Locale, tree_is_kept: bool) -> String {
        replaced(locale, &Replaced { branch: "codex/i7-456789ab", tree_is_kept }).unwrap()
    }

    #[test]
    fn it_says_in_every_language_where_the_files_come_from_and_what_to_do_first() {
        for &locale in Locale::ALL {
            let (kept, lost) = (told(locale, true), told(locale, false));
            assert_ne!(kept, lost);
            for text in [kept, lost] {
                assert!(text.contains("`codex/i7-456789ab`") && text.contains("`git status`"), "{text}");
                assert!(text.contains("JSON") && !text.contains("\n\n\n"), "{text}");
            }
        }
    }

    #[test]
    fn it_reads_well_in_both_languages() {
        insta::assert_snapshot!("replaced_en", told(Locale::En, true));
        insta::assert_snapshot!("replaced_ru", told(Locale::Ru, false));
    }
}
