//! Files by pattern, as write scopes name them.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A set of files: `*` stands for anything within a folder, `**` also across folders.
#[derive(Debug, Clone)]
pub struct Patterns {
    written: Vec<String>,
    compiled: GlobSet,
}

/// A pattern that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {pattern:?}: {problem}")]
pub struct WrongPattern {
    /// As it was written.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Patterns {
    /// Compiles patterns.
    ///
    /// # Errors
    /// The first that means nothing.
    pub fn compile(written: Vec<String>) -> Result<Self, WrongPattern> {
        let wrong = |pattern: &str, error: &globset::Error| WrongPattern {
            pattern: pattern.to_owned(),
            problem: error.kind().to_string(),
        };
        let mut builder = GlobSetBuilder::new();
        for pattern in &written {
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            builder.add(glob.map_err(|error| wrong(pattern, &error))?);
        }
        let compiled = builder.build().map_err(|error| wrong("", &error))?;
        Ok(Self { written, compiled })
    }

    /// Whether a path is in the set; paths are relative to the repository's root.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.compiled.is_match(path)
    }

    /// As they were written.
    #[must_use]
    pub fn written(&self) -> &[String] {
        &self.written
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Patterns {}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(written: &[&str]) -> Patterns {
        Patterns::compile(written.iter().map(|&pattern| pattern.to_owned()).collect()).unwrap()
    }

    #[test]
    fn one_star_stays_in_its_folder_and_two_do_not() {
        let markdown = patterns(&["**/*.md"]);
        for path in ["README.md", "docs/plan/issue-7.md", "a b/ц.md"] {
            assert!(markdown.matches(path), "{path}");
        }
        for path in ["README.md.sh", "docs/plan.rs", "md", "README.MD", ""] {
            assert!(!markdown.matches(path), "{path}");
        }
        let flat = patterns(&["docs/*", "prompts/**"]);
        assert!(flat.matches("docs/a") && flat.matches("prompts/a/b"));
        assert!(!flat.matches("docs/a/b") && !flat.matches("xprompts/a"));
        assert!(patterns(&["**"]).matches("any/thing.at.all"));
    }

    #[test]
    fn a_pattern_that_means_nothing_is_named() {
        let wrong = Patterns::compile(vec!["**/*.md".into(), "[a".into()]).unwrap_err();
        assert_eq!(wrong.pattern, "[a");
    }
}
