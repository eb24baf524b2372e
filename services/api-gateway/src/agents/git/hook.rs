//! The question that git asks while it receives a push, answered by this process.
//!
//! Git shows the agent what a `pre-receive` hook prints, and while the hook runs, the new objects lie in quarantine
//! and no ref has moved: exactly the moment to judge a push and to pass it on. The hook is a few lines of shell that
//! talk through two named pipes in the disposable directory; they are opened for reading and writing, so that
//! neither side waits for the other to open.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::scope::RefUpdate;
use nix::sys::stat::Mode;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;

/// The variable that tells the hook where its pipes are.
pub(super) const PLACE: &str = "CODEXK8S_HOOK";
/// Refs that one push may name.
const REFS: usize = 1000;

const SCRIPT: &str = r#"#!/bin/sh
# Asks the gateway about this push and repeats its answer.
{
    printf '%s\n' "$GIT_OBJECT_DIRECTORY" "$GIT_ALTERNATE_OBJECT_DIRECTORIES"
    cat
    echo end
} > "$CODEXK8S_HOOK/asked"
read -r status < "$CODEXK8S_HOOK/answer"
cat "$CODEXK8S_HOOK/words" >&2
exit "$status"
"#;

/// The platform's end of the hook.
pub(super) struct Hook {
    place: PathBuf,
    asked: BufReader<pipe::Receiver>,
    answer: pipe::Sender,
}

/// What git asks: these refs, with the new objects here.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) updates: Vec<RefUpdate>,
    pub(super) quarantine: Quarantine,
}

/// Where the objects of an unfinished push lie.
#[derive(Debug, Clone)]
pub(super) struct Quarantine {
    pub(super) objects: String,
    pub(super) alternates: String,
}

impl Hook {
    /// Makes the hook in the empty directory `place`.
    pub(super) async fn new(place: &Path) -> std::io::Result<Self> {
        let script = place.join("pre-receive");
        tokio::fs::write(&script, SCRIPT).await?;
        tokio::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).await?;
        let (asked, answer) = (place.join("asked"), place.join("answer"));
        for pipe in [&asked, &answer] {
            nix::unistd::mkfifo(pipe, Mode::S_IRUSR | Mode::S_IWUSR)?;
        }
        let asked = pipe::OpenOptions::new().read_write(true).open_receiver(asked)?;
        let answer = pipe::OpenOptions::new().read_write(true).open_sender(answer)?;
        Ok(Self { place: place.to_owned(), asked: BufReader::new(asked), answer })
    }

    /// Waits for git's question. It may never come: a pack that is not accepted is refused before.
    pub(super) async fn question(&mut self) -> std::io::Result<Question> {
        let quarantine = Quarantine { objects: self.line().await?, alternates: self.line().await? };
        let mut updates = Vec::new();
        loop {
            let line = self.line().await?;
            if line == "end" {
                return Ok(Question { updates, quarantine });
            }
            let mut fields = line.splitn(3, ' ').map(str::to_owned);
            let (Some(old), Some(new), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
                return Err(std::io::Error::other("the hook was asked something else"));
            };
            if updates.len() < REFS {
                updates.push(RefUpdate { old, new, name });
            }
        }
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        self.asked.read_until(b'\n', &mut line).await?;
        Ok(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned())
    }

    /// Answers: `words` are shown to the agent, and the push is taken or refused as a whole.
    pub(super) async fn answer(&mut self, taken: bool, words: &str) -> std::io::Result<()> {
        tokio::fs::write(self.place.join("words"), words).await?;
        self.answer.write_all(if taken { b"0\n" } else { b"1\n" }).await
    }
}
