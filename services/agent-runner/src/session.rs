//! Snapshots of codex's session file, so that a later launch can go on where this one was cut off.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, time::interval};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{RunApi, Snapshot},
    redact::Redact,
};

const PERIOD: Duration = Duration::from_secs(15);
/// The contract's largest snapshot.
const SNAPSHOT_LIMIT: usize = 32 * 1024 * 1024;

/// Keeps the session of one launch.
pub struct Keeper {
    api: RunApi,
    codex_home: PathBuf,
    session: watch::Receiver<Option<String>>,
    redact: std::sync::Arc<Redact>,
    version: i64,
    kept: Option<(SystemTime, u64)>,
}

impl Keeper {
    /// A keeper of the session whose id will show in `session`.
    #[must_use]
    pub fn new(
        api: RunApi,
        codex_home: PathBuf,
        session: watch::Receiver<Option<String>>,
        redact: std::sync::Arc<Redact>,
    ) -> Self {
        Self { api, codex_home, session, redact, version: 0, kept: None }
    }

    /// Looks every 15 s until `stop`, then hands itself back for the last look.
    pub async fn run(mut self, stop: CancellationToken) -> Self {
        let mut ticks = interval(PERIOD);
        loop {
            tokio::select! {
                () = stop.cancelled() => return self,
                _ = ticks.tick() => {}
            }
            // A stop does not wait for an upload under way: the last look repeats it with what is newest.
            let kept = tokio::select! {
                () = stop.cancelled() => return self,
                kept = self.keep() => kept,
            };
            if let Err(error) = kept {
                tracing::warn!(?error, "the session was not kept; the next turn tries again");
            }
        }
    }

    /// Uploads the session file if it changed since the last upload.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or the gateway does not take it.
    pub async fn keep(&mut self) -> anyhow::Result<()> {
        let Some(id) = self.session.borrow().clone() else { return Ok(()) };
        let Some(path) = find(&self.codex_home, &id) else { return Ok(()) };
        let about = tokio::fs::metadata(&path).await.context("looking at the session file")?;
        let seen = (about.modified()?, about.len());
        if self.kept == Some(seen) {
            return Ok(());
        }
        let text = tokio::fs::read(&path).await.context("reading the session file")?;
        let redact = std::sync::Arc::clone(&self.redact);
        let bytes =
            tokio::task::spawn_blocking(move || pack(&redact.json_lines(&String::from_utf8_lossy(&text)))).await??;
        anyhow::ensure!(bytes.len() <= SNAPSHOT_LIMIT, "the session is too large to be kept: {} bytes", bytes.len());
        let relative = path.strip_prefix(&self.codex_home).unwrap_or(&path).to_string_lossy().into_owned();
        let sha256 = hex::encode(Sha256::digest(&bytes));
        // A number is used up by the attempt: an upload whose answer was lost may have arrived.
        self.version += 1;
        let snapshot = Snapshot { version: self.version, path: relative, session_id: id, sha256, bytes: bytes.into() };
        self.api.put_session(&snapshot).await?;
        self.kept = Some(seen);
        Ok(())
    }
}

fn pack(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// `sessions/YYYY/MM/DD/rollout-<time>-<id>.jsonl`; the date is the start's, so the folders are walked.
fn find(codex_home: &Path, id: &str) -> Option<PathBuf> {
    let ending = format!("-{id}.jsonl");
    let mut folders = vec![(codex_home.join("sessions"), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if depth < 3 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push((entry.path(), depth + 1));
            } else if depth == 3 && name.starts_with("rollout-") && name.ends_with(&ending) {
                return Some(entry.path());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_this_session_is_found_among_others() {
        let home = tempfile::tempdir().unwrap();
        let day = home.path().join("sessions/2026/11/22");
        std::fs::create_dir_all(&day).unwrap();
        std::fs::create_dir_all(home.path().join("sessions/2026/11/21")).unwrap();
        for id in ["aaa", "bbb"] {
            std::fs::write(day.join(format!("rollout-2026-11-22T03-12-24-{id}.jsonl")), id).unwrap();
        }
        assert_eq!(find(home.path(), "bbb"), Some(day.join("rollout-2026-11-22T03-12-24-bbb.jsonl")));
        assert_eq!(find(home.path(), "ccc"), None);
    }
}
