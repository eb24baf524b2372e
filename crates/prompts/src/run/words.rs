//! What the pull request of a run says.

use crate::outward::{quiet_lines, quiet_title};

/// GitHub takes 256 characters.
const TITLE_LIMIT: usize = 240;
/// GitHub takes 65,536 characters.
const BODY_LIMIT: usize = 60_000;

/// The pull request's title and text from the agent's claim: saying nothing that a comment of an agent could not, never
/// empty, always referring to the issue.
#[must_use]
pub fn pull_request(issue: i64, issue_title: &str, claimed_title: &str, claimed_body: &str) -> (String, String) {
    let claimed = quiet_title(claimed_title.trim());
    let title = if claimed.is_empty() { quiet_title(issue_title) } else { claimed };
    let reference = format!("Refs #{issue}");
    let mut body = quiet_lines(claimed_body.trim(), BODY_LIMIT);
    if !body.contains(&reference) {
        body = format!("{body}\n\n{reference}").trim_start().to_owned();
    }
    (title.chars().take(TITLE_LIMIT).collect(), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_never_closes_its_issue() {
        let (title, body) = pull_request(7, "Add dark mode", "Fix #7: dark mode", "Closes #7\n\nDone.");
        assert_eq!(title, "Refs #7: dark mode");
        assert_eq!(body, "Refs #7\n\nDone.");
        assert_eq!(pull_request(7, "Fixes #3", "", ""), ("Refs #3".to_owned(), "Refs #7".to_owned()));
    }

    #[test]
    fn a_pull_request_mentions_nobody_hides_nothing_and_fetches_nothing() {
        let body = "Thanks @olga <!-- hi --> \u{202E}![a](https://e.example/?q=1) <img src=x>";
        let (title, body) = pull_request(7, "Dark mode", "For @olga: \u{200B}<img> tags", body);
        assert_eq!(title, "For @\u{2060}olga: ⟪U+200B⟫<img> tags");
        assert_eq!(
            body,
            "Thanks @\u{2060}olga &lt;!-- hi --> ⟪U+202E⟫!\u{2060}[a](https://e.example/?q=1) <\u{2060}img src=x>\n\nRefs #7"
        );
        assert_eq!(pull_request(7, "By @olga", " ", "").0, "By @\u{2060}olga");
        assert!(pull_request(7, "a", "b", &"x".repeat(70_000)).1.ends_with("…\n\nRefs #7"));
    }
}
