//! Snapshots of codex's session file, so that a later launch can go on where this one was cut off.

use std::{
    io::{Read, Write},
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::Context;
use contract::agent::Resume;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::{
    api::{RunApi, SessionSnapshot},
    redact::Redact,
};

/// The contract's largest snapshot.
pub const SNAPSHOT_LIMIT: usize = 32 * 1024 * 1024;
/// Bytes of a session file. One packs to a tenth of its size or better.
const FILE_LIMIT: u64 = 1024 * 1024 * 1024;

/// What was kept of the session of one launch.
pub struct Session {
    api: RunApi,
    codex_home: PathBuf,
    redact: Arc<Redact>,
    version: i64,
    kept: Option<(SystemTime, u64)>,
}

impl Session {
    /// Nothing was kept so far.
    #[must_use]
    pub const fn new(api: RunApi, codex_home: PathBuf, redact: Arc<Redact>) -> Self {
        Self { api, codex_home, redact, version: 0, kept: None }
    }

    /// Uploads the file of the session `id` if it changed since the last upload.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or the gateway does not take it.
    pub async fn keep(&mut self, id: &str) -> anyhow::Result<()> {
        let Some(path) = find(&self.codex_home, id) else { return Ok(()) };
        let about = tokio::fs::metadata(&path).await.context("looking at the session file")?;
        let seen = (about.modified()?, about.len());
        if self.kept == Some(seen) {
            return Ok(());
        }
        let text = tokio::fs::read(&path).await.context("reading the session file")?;
        let redact = Arc::clone(&self.redact);
        let bytes =
            tokio::task::spawn_blocking(move || pack(&redact.json_lines(&String::from_utf8_lossy(whole_lines(&text)))))
                .await??;
        anyhow::ensure!(bytes.len() <= SNAPSHOT_LIMIT, "the session is too large to be kept: {} bytes", bytes.len());
        let relative = path.strip_prefix(&self.codex_home).unwrap_or(&path).to_string_lossy().into_owned();
        let sha256 = hex::encode(Sha256::digest(&bytes));
        // A number is used up by the attempt: an upload whose answer was lost may have arrived.
        self.version += 1;
        let snapshot = SessionSnapshot {
            version: self.version,
            path: relative,
            session_id: id.to_owned(),
            sha256,
            bytes: bytes.into(),
        };
        self.api.put_session(&snapshot).await?;
        self.kept = Some(seen);
        Ok(())
    }
}

/// Codex may be in the middle of a line; whoever goes on would write its first line behind that half.
fn whole_lines(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    &text[..end]
}

fn pack(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// Fetches the session that is to go on and puts its file where codex looks for it.
///
/// # Errors
/// When there is none, it is not the one that was announced, or it cannot be written.
pub async fn restore(api: &RunApi, codex_home: &Path, resume: &Resume) -> anyhow::Result<()> {
    let bytes = api.session().await.context("fetching the session")?;
    let digest = hex::encode(Sha256::digest(&bytes));
    anyhow::ensure!(digest == resume.session_sha256, "the session is not the one that was announced");
    let file = place(codex_home, &resume.path)?;
    tokio::task::spawn_blocking(move || unpack(&bytes, &file)).await?.context("writing the session file")
}

/// The path was a pod's claim once.
fn place(codex_home: &Path, path: &str) -> anyhow::Result<PathBuf> {
    let relative = Path::new(path);
    let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    anyhow::ensure!(inside && relative.starts_with("sessions"), "the session's file would lie at {path}");
    Ok(codex_home.join(relative))
}

fn unpack(bytes: &[u8], file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut text = GzDecoder::new(bytes).take(FILE_LIMIT);
    std::io::copy(&mut text, &mut std::fs::File::create(file)?).map(drop)
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

    #[test]
    fn half_a_line_is_not_kept_and_what_is_comes_back() {
        assert_eq!(whole_lines(b"one\ntwo\nthr"), b"one\ntwo\n");
        assert_eq!(whole_lines(b"thr"), b"");
        let home = tempfile::tempdir().unwrap();
        let file = place(home.path(), "sessions/2026/11/22/rollout-a.jsonl").unwrap();
        unpack(&pack("one\ntwo\n").unwrap(), &file).unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "one\ntwo\n");
        for path in ["sessions/../config.toml", "/sessions/a", "config.toml", "sessions/../../../x"] {
            assert!(place(home.path(), path).is_err(), "{path}");
        }
    }
}
