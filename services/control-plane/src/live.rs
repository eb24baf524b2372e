//! Who watches which run: one connection listens for changes and wakes the streams of this process.

use std::time::Duration;

use store::wake;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::state::App;

/// Streams that fall this far behind are told to reread, which they do anyway.
const BACKLOG: usize = 1024;

/// Pause before listening again after the connection broke.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Hands changes to streams.
#[derive(Debug)]
pub(crate) struct Hub(broadcast::Sender<Uuid>);

impl Default for Hub {
    fn default() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }
}

impl Hub {
    /// Changes from now on.
    pub(crate) fn watch(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    fn changed(&self, run: Uuid) {
        // Nobody watching is fine.
        let _ = self.0.send(run);
    }
}

/// A stream's ear.
pub(crate) struct Changes(broadcast::Receiver<Uuid>);

impl Changes {
    /// Waits until `run`, or any run, may have changed, or `poll` has passed: wake-ups can be lost.
    pub(crate) async fn next(&mut self, run: Option<Uuid>, poll: Duration) {
        let heard = async {
            loop {
                match self.0.recv().await {
                    Ok(changed) if run.is_none_or(|run| run == changed) => return,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let _ = tokio::time::timeout(poll, heard).await;
    }
}

/// Listens until the process stops, again and again when the connection breaks.
pub(crate) async fn listen(app: App, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            ended = wake::listen(&app.pool, None, |run| app.hub.changed(run)) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(error = format!("{error:#}"), "not listening for changes; streams poll");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LISTEN_AGAIN) => {}
        }
    }
}
