//! The way of an event from whoever notices something to the run's page: redacted and split here, numbered and sent
//! in batches by the uploader. The channel between is short, so a gateway that is slow slows codex down instead of
//! filling the memory.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use contract::agent::{AgentEvent, AgentEventKind};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

use crate::{
    api::{ApiError, RunApi},
    events::Draft,
    redact::Redact,
};

/// The contract's longest text, in characters; counting bytes is stricter.
const TEXT_LIMIT: usize = 65_536;
/// The contract's longest item id.
const ITEM_LIMIT: usize = 100;
/// Events of one batch, in number and in bytes of text; a batch stays far below the gateway's body limit.
const BATCH_EVENTS: usize = 500;
const BATCH_BYTES: usize = 256 * 1024;
/// How long a first event waits for company, so that a batch leaves within 300 ms.
const GATHER: Duration = Duration::from_millis(150);
/// Pieces under way between feed and uploader: at most 4 MiB.
const CHANNEL: usize = 64;
/// The beat carries the beginning of the agent's last message.
const LAST_WORDS: usize = 300;

/// A piece of text, redacted, that fits into one event.
struct Piece {
    at: DateTime<Utc>,
    kind: AgentEventKind,
    text: String,
    item: Option<String>,
    exit_code: Option<i32>,
}

/// Where events are put in. Cheap to clone; the uploader ends when the last one is gone.
#[derive(Clone)]
pub struct Feed {
    pieces: mpsc::Sender<Piece>,
    redact: Arc<Redact>,
    last_words: Arc<watch::Sender<Option<String>>>,
}

/// Where events come out, to be sent.
pub struct Uploader {
    pieces: mpsc::Receiver<Piece>,
}

/// A feed, its uploader, and the agent's last words for the beat.
#[must_use]
pub fn new(redact: Arc<Redact>) -> (Feed, Uploader, watch::Receiver<Option<String>>) {
    let (sender, pieces) = mpsc::channel(CHANNEL);
    let (last_words, last) = watch::channel(None);
    (Feed { pieces: sender, redact, last_words: Arc::new(last_words) }, Uploader { pieces }, last)
}

impl Feed {
    /// Puts an event in; waits when the uploader is behind. The whole text is redacted before it is split, so no
    /// secret lies across two events.
    pub async fn put(&self, draft: Draft) {
        let Draft { kind, text, item, exit_code } = draft;
        let text = self.redact.text(&text);
        if kind == AgentEventKind::Message {
            self.last_words.send_replace(Some(text.chars().take(LAST_WORDS).collect()));
        }
        let item: Option<String> = item.map(|item| item.chars().take(ITEM_LIMIT).collect());
        for text in split(&text, TEXT_LIMIT) {
            let piece = Piece { at: Utc::now(), kind, text: text.to_owned(), item: item.clone(), exit_code };
            if self.pieces.send(piece).await.is_err() {
                // The uploader gave up and has said why; the run is ending.
                return;
            }
        }
    }

    /// Tells about a step of the runner itself.
    pub async fn step(&self, text: impl Into<String>) {
        self.put(Draft::new(AgentEventKind::Step, text)).await;
    }
}

impl Uploader {
    /// Sends batches until every feed is gone and all that came is stored. A gateway that is away is waited for: the
    /// run's own time limit is the bound.
    ///
    /// # Errors
    /// When the token is refused, or events that were accepted are not stored.
    pub async fn run(mut self, api: RunApi) -> anyhow::Result<()> {
        let mut seq = 0;
        let mut spare = None;
        while let Some(batch) = self.gather(&mut spare, &mut seq).await {
            store(&api, batch).await?;
        }
        Ok(())
    }

    /// The next batch: the first event, and what comes within a moment or fits. One that would not fit is `spare`.
    async fn gather(&mut self, spare: &mut Option<Piece>, seq: &mut i64) -> Option<Vec<AgentEvent>> {
        let first = match spare.take() {
            Some(piece) => piece,
            None => self.pieces.recv().await?,
        };
        let deadline = Instant::now() + GATHER;
        let mut bytes = first.text.len();
        let mut batch = vec![number(first, seq)];
        while batch.len() < BATCH_EVENTS {
            let Ok(Some(piece)) = timeout_at(deadline, self.pieces.recv()).await else { break };
            if bytes + piece.text.len() > BATCH_BYTES {
                *spare = Some(piece);
                break;
            }
            bytes += piece.text.len();
            batch.push(number(piece, seq));
        }
        Some(batch)
    }
}

async fn store(api: &RunApi, mut batch: Vec<AgentEvent>) -> anyhow::Result<()> {
    while !batch.is_empty() {
        match api.add_events(&batch).await {
            Ok(stored) => {
                let before = batch.len();
                batch.retain(|event| event.seq > stored);
                anyhow::ensure!(batch.len() < before, "the gateway stored none of the events it accepted");
            }
            Err(error) if error.is_transient() => tracing::warn!(?error, "events wait for the gateway"),
            // One event that the contract does not allow must not take the others with it, nor leave a gap.
            Err(error @ ApiError::Refused { .. }) => {
                tracing::error!(?error, events = batch.len(), "events were refused");
                match batch.as_mut_slice() {
                    [only] if only.kind != AgentEventKind::Notice => *only = not_shown(only),
                    [_] => return Err(error.into()),
                    several => {
                        let rest = several.len() / 2;
                        let rest = batch.split_off(rest);
                        Box::pin(store(api, batch)).await?;
                        batch = rest;
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn not_shown(event: &AgentEvent) -> AgentEvent {
    let text = format!("An event of the kind {} could not be stored.", event.kind);
    AgentEvent { seq: event.seq, at: event.at, kind: AgentEventKind::Notice, text, item: None, exit_code: None }
}

fn number(piece: Piece, seq: &mut i64) -> AgentEvent {
    *seq += 1;
    let Piece { at, kind, text, item, exit_code } = piece;
    AgentEvent { seq: *seq, at, kind, text, item, exit_code }
}

/// Splits at `limit` bytes, never inside a character. An empty text is one piece.
fn split(text: &str, limit: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while rest.len() > limit {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(limit));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_between_characters_and_nothing_is_lost() {
        assert_eq!(split("", 4), [""]);
        assert_eq!(split("abcd", 4), ["abcd"]);
        assert_eq!(split("abжde", 3), ["ab", "жd", "e"]);
    }

    #[tokio::test]
    async fn a_secret_at_the_border_of_two_events_is_redacted_and_numbers_have_no_gap() {
        let token = "cxr_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
        let redact = Arc::new(Redact::new(uuid::Uuid::nil(), &token.into()));
        let (feed, mut uploader, last_words) = new(redact);
        let long = format!("{}{token}{}", "x".repeat(TEXT_LIMIT - 10), "y".repeat(10));
        feed.put(Draft::new(AgentEventKind::Output, long)).await;
        feed.put(Draft::new(AgentEventKind::Message, format!("done\0 {token}"))).await;
        drop(feed);
        let (mut spare, mut seq, mut all) = (None, 0, Vec::new());
        while let Some(batch) = uploader.gather(&mut spare, &mut seq).await {
            all.extend(batch);
        }
        assert_eq!(all.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=all.len() as i64).collect::<Vec<_>>());
        let text: String = all.iter().map(|event| event.text.as_str()).collect();
        assert!(text.contains("done") && !text.contains('\0'));
        assert!((0..token.len() - 12).all(|from| !text.contains(&token[from..from + 12])), "part of the token is left");
        assert!(last_words.borrow().as_deref().is_some_and(|words| words.starts_with("done")));
    }

    #[tokio::test]
    async fn batches_stay_small() {
        let (feed, mut uploader, _) = new(Arc::new(Redact::new(uuid::Uuid::nil(), &"cxr_x".into())));
        let put = async {
            for _ in 0..9 {
                feed.put(Draft::new(AgentEventKind::Output, "x".repeat(60_000))).await;
            }
            drop(feed);
        };
        let take = async {
            let (mut spare, mut seq, mut sizes) = (None, 0, Vec::new());
            while let Some(batch) = uploader.gather(&mut spare, &mut seq).await {
                sizes.push(batch.len());
            }
            sizes
        };
        assert_eq!(tokio::join!(put, take).1, [4, 4, 1]);
    }
}
