//! What the pull request of a run says.

use domain::closing;

/// GitHub takes 256 characters.
const TITLE_LIMIT: usize = 240;

/// The pull request's title and text from the agent's claim: never closing an issue, never empty, always referring to
/// the issue.
#[must_use]
pub fn pull_request(issue: i64, issue_title: &str, claimed_title: &str, claimed_body: &str) -> (String, String) {
    let claimed = closing::defuse(claimed_title.trim());
    let title = if claimed.is_empty() { closing::defuse(issue_title) } else { claimed };
    let reference = format!("Refs #{issue}");
    let mut body = closing::defuse(claimed_body.trim());
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
}
