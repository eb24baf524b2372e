//! Git as a child process: arguments in, standard output out, its own words in the error.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;

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
}

/// Runs git in one folder with the agent's environment.
#[derive(Debug, Clone)]
pub struct Git {
    dir: PathBuf,
    environment: Environment,
}

impl Git {
    /// Git in `dir`, which need not exist before a command runs there.
    #[must_use]
    pub const fn new(dir: PathBuf, environment: Environment) -> Self {
        Self { dir, environment }
    }

    /// Runs one command and returns its standard output without the last newline.
    ///
    /// The repository's own hooks are the agent's to write and do not run here.
    ///
    /// # Errors
    /// When git cannot run, fails or takes longer than `limit`.
    pub async fn run(&self, limit: Duration, args: &[&str]) -> Result<String, GitError> {
        let name = || args.first().copied().unwrap_or_default().to_owned();
        let mut command = Command::new("git");
        command.args(["-c", "core.hooksPath=/dev/null"]).args(args).current_dir(&self.dir);
        self.environment.apply(&mut command);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(limit, command.output())
            .await
            .map_err(|_| GitError::Timeout { command: name(), limit })?
            .map_err(|source| GitError::Spawn { command: name(), source })?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(GitError::Failed { command: name(), code: output.status.code(), stderr });
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}
