//! Bare repositories and the git plumbing the stand-in needs: objects in, objects out, refs moved.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use tokio::{io::AsyncWriteExt, process::Command};

/// A bare repository on disk.
#[derive(Debug, Clone)]
pub struct BareRepository {
    path: PathBuf,
}

/// An entry of a tree as git stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Octal mode, six digits (`100644`, `040000`).
    pub mode: String,
    /// `blob`, `tree` or `commit`.
    pub kind: String,
    /// Object id, 40 hex digits.
    pub sha: String,
    /// File name, without a folder.
    pub name: String,
}

impl BareRepository {
    /// Opens the repository at `path`, making an empty one where there is none.
    ///
    /// # Errors
    /// When git fails.
    pub async fn open(path: PathBuf) -> Result<Self> {
        let repository = Self { path };
        if !repository.path.join("HEAD").exists() {
            let path = repository.path.to_str().context("the path is not UTF-8")?;
            run(Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch=main", path]), &[]).await?;
            for (key, value) in
                [("uploadpack.allowAnySHA1InWant", "true"), ("uploadpack.allowFilter", "true"), ("gc.auto", "0")]
            {
                repository.git(&["config", key, value]).await?;
            }
        }
        Ok(repository)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git in the repository and returns what it printed, as text without the last newline.
    ///
    /// # Errors
    /// When git exits with anything but 0 (its message is in the error) or prints no UTF-8.
    pub async fn git(&self, args: &[&str]) -> Result<String> {
        let output = run(self.command().args(args), &[]).await?;
        Ok(String::from_utf8(output).context("git printed something that is not UTF-8")?.trim_end().to_owned())
    }

    /// All branches and tags with the object each names.
    ///
    /// # Errors
    /// When git fails.
    pub async fn refs(&self) -> Result<BTreeMap<String, String>> {
        let listing =
            self.git(&["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"]).await?;
        Ok(listing
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(sha, name)| (name.into(), sha.into()))
            .collect())
    }

    /// Whether the object is here.
    pub async fn has(&self, sha: &str) -> bool {
        self.git(&["cat-file", "-e", sha]).await.is_ok()
    }

    /// The raw content of an object of a known kind (`blob`, `commit`).
    ///
    /// # Errors
    /// When there is no such object.
    pub async fn object(&self, kind: &str, sha: &str) -> Result<Vec<u8>> {
        run(self.command().args(["cat-file", kind, sha]), &[]).await
    }

    /// Entries of a tree.
    ///
    /// # Errors
    /// When there is no such tree.
    pub async fn tree(&self, sha: &str) -> Result<Vec<TreeEntry>> {
        let raw = run(self.command().args(["ls-tree", "-z", sha]), &[]).await?;
        let text = String::from_utf8(raw).context("a file name is not UTF-8")?;
        text.split_terminator('\0')
            .map(|line| {
                let (meta, name) = line.split_once('\t').context("ls-tree without a tab")?;
                let mut parts = meta.split(' ').map(str::to_owned);
                let mut next = || parts.next().context("ls-tree cut short");
                Ok(TreeEntry { mode: next()?, kind: next()?, sha: next()?, name: name.to_owned() })
            })
            .collect()
    }

    /// Stores an object and returns its id.
    ///
    /// # Errors
    /// When git refuses the content.
    pub async fn write(&self, kind: &str, content: &[u8]) -> Result<String> {
        let id = run(self.command().args(["hash-object", "-w", "-t", kind, "--stdin"]), content).await?;
        Ok(String::from_utf8(id)?.trim().to_owned())
    }

    /// Stores a tree and returns its id. The objects it names need not be here yet.
    ///
    /// # Errors
    /// When git refuses an entry.
    pub async fn write_tree(&self, entries: &[TreeEntry]) -> Result<String> {
        let mut listing = Vec::new();
        for entry in entries {
            listing
                .extend_from_slice(format!("{} {} {}\t{}\0", entry.mode, entry.kind, entry.sha, entry.name).as_bytes());
        }
        let id = run(self.command().args(["mktree", "-z", "--missing"]), &listing).await?;
        Ok(String::from_utf8(id)?.trim().to_owned())
    }

    /// Commits every file of a folder to a branch that does not exist yet, at a fixed time, so that the ids are the
    /// same each time.
    ///
    /// # Errors
    /// When git fails.
    pub async fn import(&self, folder: &Path, branch: &str, author: (&str, &str)) -> Result<String> {
        let index = tempfile::tempdir()?;
        let with_index = |args: &[&str]| {
            let mut command = self.command();
            command.env("GIT_INDEX_FILE", index.path().join("index")).args(args);
            command
        };
        let folder = folder.canonicalize().with_context(|| format!("no folder {}", folder.display()))?;
        let work_tree = format!("--work-tree={}", folder.display());
        run(with_index(&[&work_tree, "add", "--all", "--force", "."]).current_dir(&folder), &[]).await?;
        let tree = String::from_utf8(run(&mut with_index(&["write-tree"]), &[]).await?)?;
        let mut commit = with_index(&["commit-tree", tree.trim(), "-m", "Initial commit"]);
        for role in ["AUTHOR", "COMMITTER"] {
            commit.env(format!("GIT_{role}_NAME"), author.0);
            commit.env(format!("GIT_{role}_EMAIL"), author.1);
            commit.env(format!("GIT_{role}_DATE"), "2026-01-05T09:00:00+00:00");
        }
        let commit = String::from_utf8(run(&mut commit, &[]).await?)?.trim().to_owned();
        self.git(&["update-ref", &format!("refs/heads/{branch}"), &commit]).await?;
        Ok(commit)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.path).env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
        command
    }
}

/// Runs a command with `input` on its standard input and returns its standard output.
pub(crate) async fn run(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start git")?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let (written, output) = tokio::join!(
        async move {
            stdin.write_all(input).await?;
            stdin.shutdown().await
        },
        child.wait_with_output()
    );
    let output = output?;
    if !output.status.success() {
        bail!("git ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    written.context("git did not read its input")?;
    Ok(output.stdout)
}
