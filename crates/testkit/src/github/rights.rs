//! Which fine-grained permission a call needs, as GitHub names them in `X-Accepted-GitHub-Permissions`.

use std::collections::BTreeMap;

use http::Method;

/// A permission and the level a call needs of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) name: &'static str,
    pub(super) write: bool,
}

impl Right {
    /// Whether a token's permissions hold it.
    pub(super) fn is_in(self, permissions: &BTreeMap<String, String>) -> bool {
        match permissions.get(self.name).map(String::as_str) {
            Some("write") => true,
            Some("read") => !self.write,
            _ => false,
        }
    }

    /// The value of `X-Accepted-GitHub-Permissions`.
    pub(super) fn accepted(self) -> String {
        format!("{}={}", self.name, if self.write { "write" } else { "read" })
    }
}

/// Splits `/repos/{owner}/{repo}/rest`; the rest has no leading slash.
pub(super) fn repository_path(path: &str) -> Option<(&str, &str, &str)> {
    let mut parts = path.strip_prefix("/repos/")?.splitn(3, '/');
    Some((parts.next()?, parts.next()?, parts.next().unwrap_or("")))
}

/// The right that a call to `path` needs; `None` when every token has it.
pub(super) fn needed(method: &Method, path: &str) -> Option<Right> {
    let (_, _, rest) = repository_path(path)?;
    let mut segments = rest.split('/');
    let name = match (segments.next()?, segments.next()) {
        ("hooks", _) => "repository_hooks",
        ("issues" | "labels" | "milestones", _) => "issues",
        ("pulls", _) => "pull_requests",
        ("contents" | "git" | "branches" | "commits" | "compare" | "merges" | "readme", _) => "contents",
        ("actions", Some("secrets")) => "secrets",
        ("actions", Some("variables")) => "actions_variables",
        ("actions", _) => "actions",
        // Only its secrets and variables belong to the right of this name.
        ("environments", Some(_)) if segments.next().is_none() && !matches!(*method, Method::GET | Method::HEAD) => {
            "administration"
        }
        ("environments", _) => "environments",
        ("", _) if method == Method::PATCH || method == Method::DELETE => "administration",
        ("collaborators", _) if method == Method::PUT || method == Method::DELETE => "administration",
        _ => return None,
    };
    Some(Right { name, write: !matches!(*method, Method::GET | Method::HEAD) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_need_the_right_github_names() {
        let needed = |method: Method, rest: &str| needed(&method, &format!("/repos/o/r{rest}")).map(Right::accepted);
        assert_eq!(needed(Method::GET, ""), None);
        assert_eq!(needed(Method::GET, "/collaborators/x/permission"), None);
        assert_eq!(needed(Method::GET, "/hooks").as_deref(), Some("repository_hooks=read"));
        assert_eq!(needed(Method::POST, "/issues/1/labels").as_deref(), Some("issues=write"));
        assert_eq!(needed(Method::POST, "/pulls").as_deref(), Some("pull_requests=write"));
        assert_eq!(needed(Method::PUT, "/contents/a/b").as_deref(), Some("contents=write"));
        assert_eq!(needed(Method::GET, "/actions/secrets").as_deref(), Some("secrets=read"));
        assert_eq!(needed(Method::PUT, "/environments/qa").as_deref(), Some("administration=write"));
        assert_eq!(needed(Method::PUT, "/environments/qa/secrets/KEY").as_deref(), Some("environments=write"));
        assert_eq!(needed(Method::GET, "/actions/runs").as_deref(), Some("actions=read"));
    }

    #[test]
    fn write_holds_read() {
        let permissions =
            BTreeMap::from([("issues".to_owned(), "write".to_owned()), ("contents".into(), "read".into())]);
        let right = |name, write| Right { name, write };
        assert!(right("issues", false).is_in(&permissions));
        assert!(right("contents", false).is_in(&permissions));
        assert!(!right("contents", true).is_in(&permissions));
        assert!(!right("secrets", false).is_in(&permissions));
    }
}
