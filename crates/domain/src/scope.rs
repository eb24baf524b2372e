//! What a run may push: facts about one push go in, every refusal comes out, in words that git shows the agent.
//!
//! The facts are gathered by whoever holds the objects; nothing here runs git. All refusals are collected, so that
//! an agent can mend its commits in one go.

mod patterns;

use std::fmt;

use crate::closing;

pub use patterns::{Patterns, WrongPattern};

/// What git writes where an object is not: a ref that is created or deleted.
pub const NO_OBJECT: &str = "0000000000000000000000000000000000000000";

/// Most bytes that one pushed file may have.
pub const FILE_LIMIT: u64 = 20 * 1024 * 1024;
/// Most files that a branch may change, counted from where it left the base branch.
pub const CHANGED_FILES_LIMIT: usize = 3000;
/// Most commits that one push may bring.
pub const COMMITS_LIMIT: usize = 500;
/// How many offending files or commits one refusal lists by name.
const NAMED: usize = 20;

/// One ref that the push wants to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// Object id before, [`NO_OBJECT`] for a new ref.
    pub old: String,
    /// Object id after, [`NO_OBJECT`] for a deletion.
    pub new: String,
    /// Full name (`refs/heads/…`).
    pub name: String,
}

/// One file that differs between the merge base and the pushed commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Path from the repository's root, as git stores it (lossy UTF-8).
    pub path: String,
    /// Octal mode after the change (`100644`); `000000` for a removed file.
    pub mode: String,
    /// Bytes after the change; 0 for a removed file and for a submodule.
    pub size: u64,
    /// The content is a Git LFS pointer.
    pub lfs_pointer: bool,
    /// A `.gitattributes` that declares a filter which was not there before.
    pub adds_filter: bool,
}

/// A commit that the push brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Object id.
    pub id: String,
    /// Whole message.
    pub message: String,
}

/// Where the pushed commit stands relative to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ancestry {
    /// The branch's old commit is among its ancestors (or the branch is new), and it left from the base branch.
    Forward,
    /// The branch's old commit is not among its ancestors.
    Rewritten,
    /// It shares no commit with the base branch.
    Unrelated,
}

/// One push, as far as the rules need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Relation of the new commit to the old one and to the base branch.
    pub ancestry: Ancestry,
    /// Files that differ from the merge base.
    pub changes: Vec<Change>,
    /// Commits that no branch of the repository had before.
    pub commits: Vec<Commit>,
}

/// Why a push is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A ref that is not the run's branch.
    OtherRef {
        /// What the push wanted to move.
        name: String,
        /// What it may move.
        branch: String,
    },
    /// The branch would be deleted.
    Deletion,
    /// History would be rewritten.
    NotFastForward,
    /// The branch does not come from the base branch.
    Unrelated {
        /// Name of the base branch.
        base: String,
    },
    /// Files are changed that the run's stage may not change.
    OutOfScope {
        /// The files.
        files: Vec<String>,
        /// What it may change.
        may_write: Vec<String>,
    },
    /// Workflows of GitHub Actions are changed.
    Workflows(Vec<String>),
    /// Submodules are added or changed.
    Submodules(Vec<String>),
    /// Git LFS pointers or filters are added.
    Lfs(Vec<String>),
    /// Files are too big.
    TooBig(Vec<String>),
    /// Too many files are changed.
    TooManyFiles(usize),
    /// Too many commits come at once.
    TooManyCommits(usize),
    /// Messages would close an issue on merge; the commits' ids.
    ClosingKeywords(Vec<String>),
}

impl Refusal {
    /// Stable code for the run's page.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherRef { .. } => "other_ref",
            Self::Deletion => "deletion",
            Self::NotFastForward => "not_fast_forward",
            Self::Unrelated { .. } => "unrelated_history",
            Self::OutOfScope { .. } => "write_scope",
            Self::Workflows(_) => "workflows",
            Self::Submodules(_) => "submodules",
            Self::Lfs(_) => "lfs",
            Self::TooBig(_) => "file_too_big",
            Self::TooManyFiles(_) => "too_many_files",
            Self::TooManyCommits(_) => "too_many_commits",
            Self::ClosingKeywords(_) => "closing_keywords",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherRef { name, branch } => {
                write!(f, "{name} may not be pushed; this run may push only refs/heads/{branch}")
            }
            Self::Deletion => write!(f, "a branch may not be deleted"),
            Self::NotFastForward => {
                write!(f, "this would rewrite what the branch already has; add commits on top of it instead")
            }
            Self::Unrelated { base } => write!(f, "the branch has no commit in common with {base}; start from {base}"),
            Self::OutOfScope { files, may_write } => {
                let what = format!("this run may change only {}; take out of your commits", may_write.join(", "));
                list(f, &what, files)
            }
            Self::Workflows(files) => list(f, "workflows of GitHub Actions may not be changed", files),
            Self::Submodules(files) => list(f, "submodules may not be added or changed", files),
            Self::Lfs(files) => list(f, "Git LFS is not available here; commit the content itself", files),
            Self::TooBig(files) => list(f, &format!("a file may have at most {} MiB", FILE_LIMIT / 1024 / 1024), files),
            Self::TooManyFiles(count) => write!(f, "{count} files are changed; at most {CHANGED_FILES_LIMIT} may be"),
            Self::TooManyCommits(count) => write!(f, "{count} commits at once; at most {COMMITS_LIMIT} may be"),
            Self::ClosingKeywords(commits) => {
                list(f, "the message would close an issue on merge; write `Refs #n` instead, in commit", commits)
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, names: &[String]) -> fmt::Result {
    write!(f, "{what}:")?;
    for name in names.iter().take(NAMED) {
        write!(f, "\n  {}", name.escape_debug())?;
    }
    match names.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => write!(f, "\n  and {more} more"),
    }
}

/// Refusals that can be told from the refs alone, before any object is looked at. Empty means: exactly the run's
/// branch is created or moved.
#[must_use]
pub fn judge_refs(updates: &[RefUpdate], branch: &str) -> Vec<Refusal> {
    let own = format!("refs/heads/{branch}");
    updates
        .iter()
        .filter_map(|update| {
            if update.name != own {
                Some(Refusal::OtherRef { name: update.name.clone(), branch: branch.to_owned() })
            } else if update.new == NO_OBJECT {
                Some(Refusal::Deletion)
            } else {
                None
            }
        })
        .collect()
}

/// Every reason to refuse a push of the run's branch. Empty means that it may go on.
#[must_use]
pub fn judge(push: &Push, base: &str, may_write: &Patterns) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    match push.ancestry {
        Ancestry::Forward => {}
        Ancestry::Rewritten => refusals.push(Refusal::NotFastForward),
        Ancestry::Unrelated => refusals.push(Refusal::Unrelated { base: base.to_owned() }),
    }
    if push.commits.len() > COMMITS_LIMIT {
        refusals.push(Refusal::TooManyCommits(push.commits.len()));
    }
    if push.changes.len() > CHANGED_FILES_LIMIT {
        refusals.push(Refusal::TooManyFiles(push.changes.len()));
    }
    let files = |wrong: fn(&Change) -> bool| -> Option<Vec<String>> {
        let names: Vec<_> = push.changes.iter().filter(|change| wrong(change)).map(|c| c.path.clone()).collect();
        (!names.is_empty()).then_some(names)
    };
    let outside: Vec<_> =
        push.changes.iter().map(|change| &change.path).filter(|path| !may_write.matches(path)).collect();
    if !outside.is_empty() {
        let files = outside.into_iter().cloned().collect();
        refusals.push(Refusal::OutOfScope { files, may_write: may_write.written().to_vec() });
    }
    refusals.extend(files(|change| is_workflow(&change.path)).map(Refusal::Workflows));
    refusals.extend(files(|change| change.mode == "160000" || change.path == ".gitmodules").map(Refusal::Submodules));
    refusals.extend(files(|change| change.lfs_pointer || change.adds_filter).map(Refusal::Lfs));
    refusals.extend(files(|change| change.size > FILE_LIMIT).map(Refusal::TooBig));
    let closing: Vec<_> = push
        .commits
        .iter()
        .filter(|commit| closing::closes_an_issue(&commit.message))
        .map(|commit| commit.id.chars().take(12).collect())
        .collect();
    if !closing.is_empty() {
        refusals.push(Refusal::ClosingKeywords(closing));
    }
    refusals
}

/// `.github` and `.github/workflows` themselves count: as a link or a file they would put something else there.
fn is_workflow(path: &str) -> bool {
    let path = path.to_lowercase();
    path == ".github" || path == ".github/workflows" || path.starts_with(".github/workflows/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";

    fn update(old: &str, new: &str, name: &str) -> RefUpdate {
        RefUpdate { old: old.into(), new: new.into(), name: name.into() }
    }

    fn anything() -> Patterns {
        Patterns::compile(vec!["**".into()]).unwrap()
    }

    fn codes(refusals: &[Refusal]) -> Vec<&'static str> {
        refusals.iter().map(Refusal::code).collect()
    }

    fn push(changes: Vec<Change>, message: &str) -> Push {
        Push { ancestry: Ancestry::Forward, changes, commits: vec![Commit { id: NEW.into(), message: message.into() }] }
    }

    fn change(path: &str) -> Change {
        Change { path: path.into(), mode: "100644".into(), size: 10, ..Change::default() }
    }

    #[test]
    fn only_the_runs_branch_moves() {
        let own = "refs/heads/codex/i1-aa";
        let table: [(&[RefUpdate], &[&str]); 7] = [
            (&[update(NO_OBJECT, NEW, own)], &[]),
            (&[update(OLD, NEW, own)], &[]),
            (&[update(OLD, NO_OBJECT, own)], &["deletion"]),
            (&[update(OLD, NEW, "refs/heads/main")], &["other_ref"]),
            (&[update(NO_OBJECT, NEW, "refs/tags/v1")], &["other_ref"]),
            (&[update(OLD, NEW, own), update(OLD, NO_OBJECT, "refs/heads/main")], &["other_ref"]),
            (&[update(OLD, NEW, "refs/heads/codex/i1-aab")], &["other_ref"]),
        ];
        for (updates, expected) in table {
            assert_eq!(codes(&judge_refs(updates, "codex/i1-aa")), expected, "{updates:?}");
        }
    }

    #[test]
    fn each_kind_of_change_is_refused_by_its_own_rule() {
        let table: [(Change, &[&str]); 12] = [
            (change("src/main.rs"), &[]),
            (change(".github/dependabot.yml"), &[]),
            (change("docs/.github/workflows/ci.yml"), &[]),
            (change(".github/workflows/ci.yml"), &["workflows"]),
            (change(".GitHub/Workflows/ci.yml"), &["workflows"]),
            (Change { mode: "120000".into(), ..change(".github/workflows") }, &["workflows"]),
            (Change { mode: "000000".into(), ..change(".github/workflows/ci.yml") }, &["workflows"]),
            (Change { mode: "160000".into(), ..change("vendor/lib") }, &["submodules"]),
            (change(".gitmodules"), &["submodules"]),
            (Change { lfs_pointer: true, ..change("model.bin") }, &["lfs"]),
            (Change { adds_filter: true, ..change(".gitattributes") }, &["lfs"]),
            (Change { size: FILE_LIMIT + 1, ..change("big.bin") }, &["file_too_big"]),
        ];
        for (change, expected) in table {
            assert_eq!(
                codes(&judge(&push(vec![change.clone()], "Add it"), "main", &anything())),
                expected,
                "{change:?}"
            );
        }
    }

    #[test]
    fn all_refusals_come_at_once_and_name_the_files() {
        let mut bad = push(vec![change(".github/workflows/a.yml"), change(".github/workflows/b.yml")], "Fixes #3");
        bad.ancestry = Ancestry::Rewritten;
        let refusals = judge(&bad, "main", &anything());
        assert_eq!(codes(&refusals), ["not_fast_forward", "workflows", "closing_keywords"]);
        let words = refusals[1].to_string();
        assert!(words.contains("\n  .github/workflows/a.yml\n  .github/workflows/b.yml"), "{words}");
    }

    #[test]
    fn what_is_outside_the_stages_files_is_named() {
        let markdown = Patterns::compile(vec!["**/*.md".into()]).unwrap();
        let changes = ["docs/plan.md", "src/main.rs", "Makefile"].map(change).to_vec();
        let refusals = judge(&push(changes, "Add it"), "main", &markdown);
        assert_eq!(codes(&refusals), ["write_scope"]);
        let words = refusals[0].to_string();
        assert!(words.starts_with("this run may change only **/*.md"), "{words}");
        assert!(words.ends_with("\n  src/main.rs\n  Makefile"), "{words}");
    }

    #[test]
    fn a_file_name_cannot_write_to_the_terminal() {
        let refusal = Refusal::Lfs(vec!["a\u{1b}[2Jb\nremote: fine".into()]);
        assert!(!refusal.to_string().contains('\u{1b}'));
        assert_eq!(refusal.to_string().lines().count(), 2);
    }

    #[test]
    fn counts_are_bounded() {
        let many = push((0..=CHANGED_FILES_LIMIT).map(|n| change(&format!("f{n}"))).collect(), "Add");
        assert_eq!(codes(&judge(&many, "main", &anything())), ["too_many_files"]);
        let mut commits = push(vec![], "Add");
        commits.commits = vec![commits.commits[0].clone(); COMMITS_LIMIT + 1];
        assert_eq!(codes(&judge(&commits, "main", &anything())), ["too_many_commits"]);
        let unrelated = Push { ancestry: Ancestry::Unrelated, changes: vec![], commits: vec![] };
        assert_eq!(codes(&judge(&unrelated, "main", &anything())), ["unrelated_history"]);
    }
}
