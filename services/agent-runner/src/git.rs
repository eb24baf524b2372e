//! Git as a child process: arguments in, standard output out, its own words in the error.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};

use crate::agent_env::Environment;

/// Why a git command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Git could not be started or read.
    #[error("git {command} could not run")]
    Spawn {
        /// The subcommand.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Git ended with another code than 0.
    #[error("git {command} failed ({code:?}): {stderr}")]
    Failed {
        /// The subcommand.
        command: String,
        /// Its exit code, if it was not killed.
        code: Option<i32>,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// Git took too long and was killed.
    #[error("git {command} did not end within {} s", .limit.as_secs())]
    Timeout {
        /// The subcommand.
        command: String,
        /// The time it had.
        limit: Duration,
    },
    /// Git printed more than anybody wants, and was killed.
    #[error("git {command} printed more than {most} bytes")]
    TooLong {
        /// The subcommand.
        command: String,
        /// How much it may print.
        most: u64,
    },
}

/// What a command printed is text of ids and names; this much of it is far too much.
const TEXT_LIMIT: u64 = 64 * 1024 * 1024;

/// Runs git in one folder with the agent's environment.
#[derive(Debug, Clone)]
pub struct Git {
    dir: PathBuf,
    environment: Environment,
    more: Vec<(&'static str, OsString)>,
}

impl Git {
    /// Git in `dir`, which need not exist before a command runs there.
    #[must_use]
    pub const fn new(dir: PathBuf, environment: Environment) -> Self {
        Self { dir, environment, more: Vec::new() }
    }

    /// The same with more variables.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = (&'static str, OsString)>) -> Self {
        let mut git = self.clone();
        git.more.extend(more);
        git
    }

    /// The folder it runs in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs one command and returns its standard output without the last newline.
    ///
    /// The repository's own hooks are the agent's to write and do not run here.
    ///
    /// # Errors
    /// When git cannot run, fails or takes longer than `limit`.
    pub async fn run(&self, limit: Duration, args: &[&str]) -> Result<String, GitError> {
        let printed = self.read(limit, args, "", TEXT_LIMIT).await?;
        Ok(String::from_utf8_lossy(&printed).trim_end().to_owned())
    }

    /// The same with `input` on its standard input, for output that is not text: at most `most` bytes of it.
    ///
    /// # Errors
    /// As [`Git::run`], and when it prints more.
    pub async fn read(&self, limit: Duration, args: &[&str], input: &str, most: u64) -> Result<Vec<u8>, GitError> {
        let command = args.first().copied().unwrap_or_default();
        let exchange = self.exchange(args, input.to_owned(), most);
        let ended = tokio::time::timeout(limit, exchange).await;
        let ended = ended.map_err(|_| GitError::Timeout { command: command.to_owned(), limit })?;
        let (status, printed, stderr) =
            ended.map_err(|source| GitError::Spawn { command: command.to_owned(), source })?;
        if printed.len() as u64 > most {
            return Err(GitError::TooLong { command: command.to_owned(), most });
        }
        if !status.success() {
            let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
            return Err(GitError::Failed { command: command.to_owned(), code: status.code(), stderr });
        }
        Ok(printed)
    }

    async fn exchange(
        &self,
        args: &[&str],
        input: String,
        most: u64,
    ) -> std::io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
        let mut command = Command::new("git");
        command.args(["-c", "core.hooksPath=/dev/null"]).args(args).current_dir(&self.dir);
        self.environment.apply(&mut command);
        command.envs(self.more.iter().map(|(name, value)| (name, value)));
        let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (mut printed, mut said) = (Vec::new(), Vec::new());
        let give = async {
            if let Some(mut stdin) = stdin {
                // A command that ended before it read everything says why itself.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let take = async {
            if let Some(stdout) = stdout {
                stdout.take(most + 1).read_to_end(&mut printed).await?;
            }
            std::io::Result::Ok(())
        };
        let hear = async {
            if let Some(stderr) = stderr {
                stderr.take(TEXT_LIMIT).read_to_end(&mut said).await?;
            }
            std::io::Result::Ok(())
        };
        let ((), taken, heard) = tokio::join!(give, take, hear);
        taken.and(heard)?;
        // Its output is closed when there was too much of it, which ends it.
        Ok((child.wait().await?, printed, said))
    }
}
