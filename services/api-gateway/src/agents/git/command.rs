//! Git as a child process that knows nothing of this machine: an empty environment, no system or user configuration,
//! no prompts, and no protocol but HTTP. Credentials are handed over in the environment, never as arguments (which
//! other processes can read) and never on disk.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use contract::internal::ForgeCredential;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Bytes of output that are read; what is bigger than this is no listing that could be judged.
const OUTPUT_LIMIT: u64 = 64 * 1024 * 1024;

/// Bytes of output that are shown at once.
const PIECE: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    #[error("git {0} could not be run")]
    Spawn(&'static str, #[source] std::io::Error),
    #[error("git {0} took too long")]
    Slow(&'static str),
    #[error("git {0} printed more than can be judged")]
    TooMuch(&'static str),
    #[error("git {command} ended with {status}: {words}")]
    Failed { command: &'static str, status: ExitStatus, words: String },
    #[error("git {0} printed something that is not understood")]
    Unread(&'static str),
    #[error("a file of the disposable clone could not be used")]
    File(#[from] std::io::Error),
}

/// One git command, ready to be run.
pub(super) struct Git {
    name: &'static str,
    command: Command,
    settings: Vec<(String, String)>,
}

/// What a command printed and how it ended.
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Git {
    /// `git <name>` in the repository at `dir`.
    pub(super) fn new(name: &'static str, dir: &Path) -> Self {
        let mut command = Command::new("git");
        command.arg(name).current_dir(dir).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", dir).env("GIT_DIR", dir).env("LC_ALL", "C");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_ATTR_NOSYSTEM", "1");
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_OPTIONAL_LOCKS", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let git = Self { name, command, settings: Vec::new() };
        git.setting("core.hooksPath", "/dev/null")
            .setting("protocol.allow", "never")
            .setting("protocol.http.allow", "always")
            .setting("protocol.https.allow", "always")
            .setting("http.followRedirects", "false")
            .setting("gc.auto", "0")
            .setting("maintenance.auto", "false")
    }

    pub(super) fn args<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    pub(super) fn setting(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    pub(super) fn env(mut self, key: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(super) fn stdin(mut self, file: std::fs::File) -> Self {
        self.command.stdin(file);
        self
    }

    /// Authenticates at the forge, and there only.
    pub(super) fn credential(self, credential: &ForgeCredential) -> Self {
        let header = format!("Authorization: Basic {}", basic(credential));
        self.setting(format!("http.{}.extraHeader", credential.git_url), header)
    }

    /// Starts the command in a process group of its own.
    pub(super) fn spawn(mut self) -> Result<Group, GitError> {
        self.command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (index, (key, value)) in self.settings.iter().enumerate() {
            self.command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            self.command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        let child = self.command.spawn().map_err(|error| GitError::Spawn(self.name, error))?;
        Ok(Group { name: self.name, child })
    }

    /// Runs it to its end, whatever that is.
    pub(super) async fn output(self, patience: Duration) -> Result<Output, GitError> {
        self.spawn()?.output(patience).await
    }

    /// Runs it and returns what it printed when it ended well.
    pub(super) async fn stdout(self, patience: Duration) -> Result<Vec<u8>, GitError> {
        let name = self.name;
        self.output(patience).await?.good(name)
    }

    /// Runs it with `input` on its standard input and returns what it printed when it ended well.
    pub(super) async fn fed(mut self, input: Vec<u8>, patience: Duration) -> Result<Vec<u8>, GitError> {
        let name = self.name;
        self.command.stdin(Stdio::piped());
        let mut group = self.spawn()?;
        let stdin = group.child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A child that stops reading says why with its exit status.
                let _closed = stdin.write_all(&input).await;
            }
        };
        let (output, ()) = tokio::join!(group.output(patience), feed);
        output?.good(name)
    }

    /// Runs it with `input` on its standard input and shows what it prints piece by piece, until `look` says that it has
    /// seen enough. What it prints may be of any length.
    pub(super) async fn shown<T>(
        mut self,
        input: Vec<u8>,
        patience: Duration,
        mut look: impl FnMut(&[u8]) -> Result<Option<T>, GitError>,
    ) -> Result<Option<T>, GitError> {
        let name = self.name;
        self.command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut group = self.spawn()?;
        let (stdin, stdout) = (group.child.stdin.take(), group.child.stdout.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                let _closed = stdin.write_all(&input).await;
            }
        };
        let shown = async {
            let mut piece = vec![0; PIECE];
            if let Some(mut stdout) = stdout {
                loop {
                    let count = stdout.read(&mut piece).await?;
                    match look(&piece[..count])? {
                        Some(seen) => return Ok(Some(seen)),
                        None if count == 0 => break,
                        None => {}
                    }
                }
            }
            Ok::<_, GitError>(None)
        };
        // Git ends, and with it the feed, when nobody listens any more.
        let both = async { tokio::join!(shown, feed).0 };
        let seen = timeout(patience, both).await.map_err(|_| GitError::Slow(name))??;
        if seen.is_none() {
            let status = group.child.wait().await?;
            Output { status, stdout: Vec::new(), stderr: Vec::new() }.good(name)?;
        }
        Ok(seen)
    }
}

impl Output {
    pub(super) fn good(self, command: &'static str) -> Result<Vec<u8>, GitError> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        let words = String::from_utf8_lossy(&self.stderr).trim().to_owned();
        Err(GitError::Failed { command, status: self.status, words })
    }
}

/// A running command with everything it has started. Dropping it ends them all.
pub(super) struct Group {
    name: &'static str,
    child: Child,
}

impl Group {
    /// Waits for the end and collects what was printed.
    pub(super) async fn output(mut self, patience: Duration) -> Result<Output, GitError> {
        let name = self.name;
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let ended = async {
            let (stdout, stderr, status) = tokio::join!(read(out), read(err), self.child.wait());
            Ok::<_, GitError>((stdout?, stderr?, status?))
        };
        let ended = timeout(patience, ended).await.map_err(|_| GitError::Slow(name))?;
        let (stdout, stderr, status) = ended?;
        if stdout.len() as u64 >= OUTPUT_LIMIT {
            return Err(GitError::TooMuch(name));
        }
        Ok(Output { status, stdout, stderr })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The group has the id of its first process; once that has been waited for, tokio gives no id any more.
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _gone = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

async fn read(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(OUTPUT_LIMIT).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Git's words without the credential, in any form that it was handed over in.
pub(super) fn without_secret(words: &str, credential: &ForgeCredential) -> String {
    words.replace(&basic(credential), "[secret]").replace(credential.token.expose(), "[secret]")
}

fn basic(credential: &ForgeCredential) -> String {
    BASE64_STANDARD.encode(format!("{}:{}", credential.username, credential.token.expose()))
}
