//! Whether workflows that a repository has already hand its secrets to the branches that agents push. The platform warns
//! and changes nothing: what a workflow needs, its owners know.

use contract::gateway::{Check, CheckName, CheckState};
use domain::workflows::{Exposure, WorkflowFile, exposure};
use forge::{FileText, ForgeError, GitHub, RepositoryName, RepositoryProvider};

const FOLDER: &str = ".github/workflows";
/// Of the names in a sentence; the check's lists hold all.
const MOST_NAMES: usize = 5;

/// Reads the workflows and says what they do with secrets. A failure to read them is part of the answer.
pub(super) async fn check(github: &GitHub, name: &RepositoryName, default_branch: &str) -> Check {
    match github.folder(name, FOLDER, &[".yml", ".yaml"]).await {
        Ok(files) => {
            let files: Vec<_> = files.into_iter().map(parsed).collect();
            told(exposure(&files, default_branch))
        }
        Err(error) => unread(&error),
    }
}

fn parsed(file: FileText) -> WorkflowFile {
    let content = file.text.and_then(|text| serde_saphyr::from_str(&text).ok());
    WorkflowFile { path: file.path, content }
}

fn told(exposure: Exposure) -> Check {
    let (state, remedy) = if !exposure.handing.is_empty() {
        let remedy = "restrict their triggers to branches, or keep the secrets in environments with required reviewers";
        (CheckState::Warning, Some(format!("{}: {remedy}", listed(&exposure.handing))))
    } else if !exposure.unread.is_empty() {
        (CheckState::Unchecked, Some(format!("{}: could not be read; look there yourself", listed(&exposure.unread))))
    } else {
        (CheckState::Ok, None)
    };
    Check { files: exposure.handing, unread: exposure.unread, ..check_of(state, remedy) }
}

fn unread(error: &ForgeError) -> Check {
    let remedy = format!("GitHub said: {error}. Check again when it is mended.");
    Check { unread: vec![FOLDER.to_owned()], ..check_of(CheckState::Unchecked, Some(remedy)) }
}

fn check_of(state: CheckState, remedy: Option<String>) -> Check {
    Check {
        name: CheckName::WorkflowSecrets,
        state,
        needed_for: Some("keeping secrets from what agents push".to_owned()),
        remedy,
        files: Vec::new(),
        unread: Vec::new(),
    }
}

fn listed(paths: &[String]) -> String {
    let named = paths[..paths.len().min(MOST_NAMES)].join(", ");
    match paths.len().saturating_sub(MOST_NAMES) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: Option<&str>) -> FileText {
        FileText { path: path.to_owned(), text: text.map(str::to_owned) }
    }

    #[test]
    fn workflows_are_read_as_github_reads_them() {
        let handing = "on:\n  push:\njobs:\n  a:\n    steps:\n      - run: x\n        env: { K: '${{ secrets.K }}' }\n";
        let table = [
            (Some(handing), CheckState::Warning),
            (Some("on: [push]\njobs: { a: { uses: ./b.yml, secrets: inherit } }\n"), CheckState::Warning),
            (Some("\"on\": push\nenv: { K: \"${{ secrets.K }}\" }\n"), CheckState::Warning),
            (Some("# ${{ secrets.K }}\non: push\n"), CheckState::Ok),
            (Some("on: { push: { tags: [v*] } }\nenv: { K: \"${{ secrets.K }}\" }\n"), CheckState::Ok),
            (Some(""), CheckState::Ok),
            (Some("on: [push\n"), CheckState::Unchecked),
            (None, CheckState::Unchecked),
        ];
        for (text, expected) in table {
            let state = told(exposure(&[parsed(file("a.yml", text))], "main")).state;
            assert_eq!(state, expected, "{text:?}");
        }
    }

    #[test]
    fn many_files_are_counted() {
        let paths: Vec<_> = (1..=7).map(|n| format!("{n}.yml")).collect();
        assert_eq!(listed(&paths[..1]), "1.yml");
        assert_eq!(listed(&paths), "1.yml, 2.yml, 3.yml, 4.yml, 5.yml and 2 more");
    }

    #[test]
    fn what_was_not_read_is_named_beside_a_warning() {
        let told = told(Exposure { handing: vec!["a.yml".into()], unread: vec!["b.yml".into()] });
        assert_eq!(
            (told.state, told.files, told.unread),
            (CheckState::Warning, vec!["a.yml".into()], vec!["b.yml".into()])
        );
    }
}
