//! The real `codex exec`: prompt in, JSON lines out, a last message in a file.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
};

use anyhow::Context;
use contract::agent::AgentEventKind;
use tokio::{
    io::{AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
};

use crate::{
    agent_env::{Environment, Paths},
    children,
    codex_config::CodexFiles,
    events::{self, Draft, Turn},
    feed::Feed,
    lines::{Line, next_line},
};

/// An item is one line, a command's whole output included; codex itself keeps less than this of it.
const ITEM_LIMIT: usize = 16 * 1024 * 1024;
/// Codex logs to standard error; a line of it is for a person to read.
const LOG_LIMIT: usize = 64 * 1024;
/// How codex ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The turn was completed.
    Well,
    /// The turn failed, or codex did; for this reason.
    Badly(String),
}

/// A codex that is ready to be started.
#[derive(Debug, Clone, Copy)]
pub struct Codex<'a> {
    /// Its binary.
    pub program: &'a Path,
    /// The folders it works in.
    pub paths: &'a Paths,
    /// The files between it and the runner.
    pub files: &'a CodexFiles,
    /// What it and its commands find around them.
    pub environment: &'a Environment,
}

impl Codex<'_> {
    /// Works on `prompt` over the checkout until codex ends; its id of the session goes to `session`. Dropping the
    /// future kills codex.
    ///
    /// # Errors
    /// When it cannot be started or its output cannot be read.
    pub async fn work(
        self,
        prompt: &str,
        feed: &Feed,
        session: &watch::Sender<Option<String>>,
    ) -> anyhow::Result<Ended> {
        let mut child = self.start().context("starting codex")?;
        let stdin = child.stdin.take().context("codex has no standard input")?;
        let stdout = child.stdout.take().context("codex has no standard output")?;
        let stderr = child.stderr.take().context("codex has no standard error")?;
        let checkout = self.paths.repo.to_string_lossy();
        let mut turn = None;
        let output = async {
            let items = read_items(stdout, &checkout, feed, session, &mut turn);
            let (said, logged, ()) = tokio::join!(items, read_log(stderr, feed), give(stdin, prompt));
            said.and(logged).context("reading codex's output")
        };
        // What the agent left running may hold codex's pipes open, and may not touch the checkout while it is pushed.
        let end = async {
            let status = child.wait().await;
            children::end_all().await;
            status
        };
        let (read, status) = tokio::join!(output, end);
        read?;
        Ok(judge(turn, status.context("waiting for codex")?))
    }

    fn start(self) -> std::io::Result<Child> {
        let mut command = Command::new(self.program);
        self.environment.apply(&mut command);
        command
            .args(["exec", "--json", "--color", "never", "--skip-git-repo-check"])
            // The pod is the sandbox: restricted, read-only, with no way out but the gateway.
            .arg("--dangerously-bypass-approvals-and-sandbox")
            .args([Path::new("--output-schema"), &self.files.schema, Path::new("-o"), &self.files.last_message])
            .args([Path::new("-C"), &self.paths.repo])
            .arg("-")
            .current_dir(&self.paths.repo)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// Codex reads the prompt to the end of its input before it begins.
async fn give(mut stdin: ChildStdin, prompt: &str) {
    if let Err(error) = stdin.write_all(prompt.as_bytes()).await {
        tracing::warn!(?error, "codex did not read the whole prompt");
    }
}

async fn read_items(
    stdout: impl AsyncRead + Unpin,
    checkout: &str,
    feed: &Feed,
    session: &watch::Sender<Option<String>>,
    turn: &mut Option<Turn>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stdout);
    while let Some(line) = next_line(&mut reader, ITEM_LIMIT).await? {
        let line = match line {
            Line::Whole(line) => line,
            Line::Cut { length, .. } => {
                feed.put(Draft::new(AgentEventKind::Notice, format!("An item of {length} bytes is not shown."))).await;
                continue;
            }
        };
        let (drafts, meaning) = events::read_line(&line, checkout);
        match meaning {
            Some(Turn::Session(id)) => {
                session.send_replace(Some(id));
            }
            Some(end) => *turn = Some(end),
            None => {}
        }
        for draft in drafts {
            feed.put(draft).await;
        }
    }
    Ok(())
}

async fn read_log(stderr: impl AsyncRead + Unpin, feed: &Feed) -> std::io::Result<()> {
    let mut reader = BufReader::new(stderr);
    while let Some(line) = next_line(&mut reader, LOG_LIMIT).await? {
        let text = match line {
            Line::Whole(line) => line,
            // A secret cut at the limit would not be known as one, so the line is left out.
            Line::Cut { length, .. } => format!("A log line of {length} bytes is not shown."),
        };
        if !text.trim().is_empty() {
            feed.put(Draft::new(AgentEventKind::Notice, text)).await;
        }
    }
    Ok(())
}

fn judge(turn: Option<Turn>, status: ExitStatus) -> Ended {
    match turn {
        Some(Turn::Failed(reason)) => Ended::Badly(reason),
        Some(Turn::Completed) if status.success() => Ended::Well,
        _ => Ended::Badly(format!("codex ended without completing its turn ({status})")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn only_a_completed_turn_and_a_clean_exit_are_well() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        assert_eq!(judge(Some(Turn::Completed), exit(0)), Ended::Well);
        assert_eq!(judge(Some(Turn::Failed("no".into())), exit(1)), Ended::Badly("no".into()));
        assert!(matches!(judge(Some(Turn::Completed), exit(1)), Ended::Badly(_)));
        assert!(matches!(judge(None, exit(0)), Ended::Badly(_)));
        assert!(matches!(judge(None, ExitStatus::from_raw(9)), Ended::Badly(why) if why.contains("signal: 9")));
    }
}
