//! The real `codex exec`: prompt in, JSON lines out, a last message in a file.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
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
    codex_config::CodexFiles,
    events::{self, Draft, Turn},
    feed::Feed,
    lines::{Line, next_line},
};

/// An item is one line, a command's whole output included; codex itself keeps less than this of it.
const ITEM_LIMIT: usize = 16 * 1024 * 1024;
/// Codex logs to standard error; a line of it is for a person to read.
const LOG_LIMIT: usize = 64 * 1024;
/// Something the agent left running may hold codex's pipes open after codex is gone.
const DRAIN: Duration = Duration::from_secs(2);

/// How codex ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The turn was completed.
    Well,
    /// The turn failed, or codex did; for this reason.
    Badly(String),
}

/// Runs codex over the checkout until it ends. Dropping the future kills it.
///
/// # Errors
/// When it cannot be started or its output cannot be read.
pub async fn run(
    program: &Path,
    paths: &Paths,
    files: &CodexFiles,
    environment: &Environment,
    prompt: &str,
    feed: &Feed,
    session: &watch::Sender<Option<String>>,
) -> anyhow::Result<Ended> {
    let mut child = start(program, paths, files, environment).context("starting codex")?;
    let stdin = child.stdin.take().context("codex has no standard input")?;
    let stdout = child.stdout.take().context("codex has no standard output")?;
    let stderr = child.stderr.take().context("codex has no standard error")?;
    let checkout = paths.repo.to_string_lossy();
    let mut turn = None;
    let status = {
        let output = async {
            let (said, logged, ()) =
                tokio::join!(read_items(stdout, &checkout, feed, session, &mut turn), read_log(stderr, feed), give(stdin, prompt));
            said.and(logged)
        };
        tokio::pin!(output);
        tokio::select! {
            read = &mut output => {
                read.context("reading codex's output")?;
                child.wait().await
            }
            status = child.wait() => {
                // What the pipes still hold is read; what holds them open is not waited for.
                if let Ok(read) = tokio::time::timeout(DRAIN, &mut output).await {
                    read.context("reading codex's output")?;
                }
                status
            }
        }
    };
    Ok(judge(turn, status.context("waiting for codex")?))
}

fn start(program: &Path, paths: &Paths, files: &CodexFiles, environment: &Environment) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    environment.apply(&mut command);
    command
        .args(["exec", "--json", "--color", "never", "--skip-git-repo-check"])
        // The pod is the sandbox: restricted, read-only, with no way out but the gateway.
        .arg("--dangerously-bypass-approvals-and-sandbox")
        .args([Path::new("--output-schema"), &files.schema, Path::new("-o"), &files.last_message])
        .args([Path::new("-C"), &paths.repo])
        .arg("-")
        .current_dir(&paths.repo)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
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
