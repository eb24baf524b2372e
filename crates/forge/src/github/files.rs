//! Files of the default branch, read without a clone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;

use super::client::{Client, Route};
use crate::error::ForgeError;
use crate::model::{FileText, RepositoryName};
use crate::provider::Answered;

/// Further files are listed, but not read.
const MOST_FILES: usize = 50;
const LARGEST_FILE: u64 = 128 << 10;
/// GitHub wants few calls at once.
const AT_ONCE: usize = 5;

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    content: String,
}

pub(super) async fn folder(
    client: &Client,
    name: &RepositoryName,
    folder: &str,
    endings: &[&str],
) -> Answered<Vec<FileText>> {
    let listed: Option<Vec<Entry>> = client.find(&contents(name, folder)).await?;
    let is_wanted = |entry: &Entry| entry.kind != "dir" && endings.iter().any(|end| entry.path.ends_with(end));
    let entries: Vec<_> = listed.unwrap_or_default().into_iter().filter(is_wanted).enumerate().collect();
    let reads = entries.into_iter().map(|(place, entry)| async move {
        let worth = place < MOST_FILES && entry.kind == "file" && entry.size <= LARGEST_FILE;
        let text = if worth { text(client, name, &entry.path).await? } else { None };
        Ok(FileText { path: entry.path, text })
    });
    stream::iter(reads).buffered(AT_ONCE).try_collect().await
}

/// A file that went away since it was listed has no text.
async fn text(client: &Client, name: &RepositoryName, path: &str) -> Answered<Option<String>> {
    let found: Option<Content> = match client.find(&contents(name, path)).await {
        Err(ForgeError::Other { .. }) => None,
        found => found?,
    };
    Ok(found.and_then(|found| decoded(&found.content)))
}

/// GitHub breaks base64 into lines.
fn decoded(content: &str) -> Option<String> {
    let compact: String = content.split_whitespace().collect();
    String::from_utf8(STANDARD.decode(compact).ok()?).ok()
}

fn contents(name: &RepositoryName, path: &str) -> Route {
    Route::repository(name, &format!("contents/{path}"))
}
