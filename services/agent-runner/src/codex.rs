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
use uuid::Uuid;

use crate::{
    agent_env::{Environment, Paths},
    children,
    codex_config::CodexFiles,
    events::{self, Draft, Turn},
    feed::Feed,
    keeper::Progress,
    lines::{Line, next_line},
};

/// An item is one line, a command's whole output included; codex itself keeps less than this of it.
const ITEM_LIMIT: usize = 16 * 1024 * 1024;
/// Codex logs to standard error; a line of it is for a person to read.
const LOG_LIMIT: usize = 64 * 1024;
/// What codex is to do.
#[derive(Debug, Clone, Copy)]
pub enum Task<'a> {
    /// Work on this prompt in a new session.
    Begin(&'a str),
    /// Go on with this session, told this.
    GoOn {
        /// Its id; the file is in its place.
        session: Uuid,
        /// What codex is told.
        message: &'a str,
    },
}

impl<'a> Task<'a> {
    const fn text(self) -> &'a str {
        match self {
            Self::Begin(text) | Self::GoOn { message: text, .. } => text,
        }
    }
}

/// How codex ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The turn was completed.
    Well,
    /// The turn failed, or codex did; for this reason.
    Badly(String),
    /// The same before the agent had done anything at all.
    Unbegun(String),
}

/// What codex has told so far about its turn.
#[derive(Debug, Default)]
struct Told {
    end: Option<Turn>,
    /// The agent said or did something.
    begun: bool,
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
    /// Works over the checkout until codex ends, and shows how far it is in `progress`. Dropping the future kills codex.
    ///
    /// # Errors
    /// When it cannot be started or its output cannot be read.
    pub async fn work(self, task: Task<'_>, feed: &Feed, progress: &watch::Sender<Progress>) -> anyhow::Result<Ended> {
        let mut child = self.start(task).context("starting codex")?;
        let stdin = child.stdin.take().context("codex has no standard input")?;
        let stdout = child.stdout.take().context("codex has no standard output")?;
        let stderr = child.stderr.take().context("codex has no standard error")?;
        let checkout = self.paths.repo.to_string_lossy();
        let mut told = Told::default();
        let output = async {
            let items = read_items(stdout, &checkout, feed, progress, &mut told);
            let (said, logged, ()) = tokio::join!(items, read_log(stderr, feed), give(stdin, task.text()));
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
        Ok(judge(told, status.context("waiting for codex")?))
    }

    fn start(self, task: Task<'_>) -> std::io::Result<Child> {
        let mut command = Command::new(self.program);
        self.environment.apply(&mut command);
        command
            .args(["exec", "--json", "--color", "never", "--skip-git-repo-check"])
            // The pod is the sandbox: restricted, read-only, with no way out but the gateway.
            .arg("--dangerously-bypass-approvals-and-sandbox")
            .args([Path::new("--output-schema"), &self.files.schema, Path::new("-o"), &self.files.last_message])
            .args([Path::new("-C"), &self.paths.repo]);
        // All of these stand before `resume`, which knows not all of them itself.
        if let Task::GoOn { session, .. } = task {
            command.args(["resume", &session.to_string()]);
        }
        command
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
    progress: &watch::Sender<Progress>,
    told: &mut Told,
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
        let session = match meaning {
            Some(Turn::Session(id)) => Some(id),
            Some(end) => {
                told.end = Some(end);
                None
            }
            None => None,
        };
        progress.send_modify(|progress| {
            progress.steps += 1;
            progress.session = session.or(progress.session.take());
        });
        for draft in drafts {
            told.begun |= draft.item.is_some() && draft.kind != AgentEventKind::Notice;
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

fn judge(told: Told, status: ExitStatus) -> Ended {
    let reason = match told.end {
        Some(Turn::Completed) if status.success() => return Ended::Well,
        Some(Turn::Failed(reason)) => reason,
        _ => format!("codex ended without completing its turn ({status})"),
    };
    if told.begun { Ended::Badly(reason) } else { Ended::Unbegun(reason) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn only_a_completed_turn_and_a_clean_exit_are_well() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        let after = |end: Option<Turn>| Told { end, begun: true };
        assert_eq!(judge(after(Some(Turn::Completed)), exit(0)), Ended::Well);
        assert_eq!(judge(after(Some(Turn::Failed("no".into()))), exit(1)), Ended::Badly("no".into()));
        assert!(matches!(judge(after(Some(Turn::Completed)), exit(1)), Ended::Badly(_)));
        assert!(matches!(judge(after(None), exit(0)), Ended::Badly(_)));
        let killed = ExitStatus::from_raw(9);
        assert!(matches!(judge(after(None), killed), Ended::Badly(why) if why.contains("signal: 9")));
    }

    #[test]
    fn a_codex_that_fails_before_the_agent_did_anything_is_told_apart() {
        let before = |end: Option<Turn>| Told { end, begun: false };
        let failed = ExitStatus::from_raw(1 << 8);
        assert_eq!(judge(before(Some(Turn::Failed("no".into()))), failed), Ended::Unbegun("no".into()));
        assert!(matches!(judge(before(None), failed), Ended::Unbegun(why) if why.contains("exit status: 1")));
    }
}
