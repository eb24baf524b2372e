//! Tells workers and viewers, after a commit, that something changed. Many commits in a moment become one notification,
//! sent on a connection of its own, never inside a writing transaction.

use std::collections::HashSet;
use std::mem;
use std::sync::Mutex;

use store::wake::notify;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::state::App;

/// What is waiting to be told.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    wanted: Notify,
    news: Mutex<News>,
}

#[derive(Debug, Default)]
struct News {
    work: bool,
    runs: HashSet<Uuid>,
}

impl Waker {
    /// There is something for workers.
    pub(crate) fn work(&self) {
        self.tell(|news| news.work = true);
    }

    /// A run changed: for whoever looks at it, and for its worker.
    pub(crate) fn run(&self, run: Uuid) {
        self.tell(|news| {
            news.runs.insert(run);
        });
    }

    fn tell(&self, add: impl FnOnce(&mut News)) {
        add(&mut self.news.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        self.wanted.notify_one();
    }

    fn take(&self) -> News {
        mem::take(&mut *self.news.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Sends what was told until the process stops. A notification that fails is not repeated: whoever waits polls.
pub(crate) async fn deliver(app: App, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = app.waker.wanted.notified() => {}
        }
        let News { work, runs } = app.waker.take();
        let runs: Vec<_> = runs.into_iter().collect();
        if let Err(error) = notify(&app.pool, work, &runs).await {
            tracing::warn!(error = format!("{error:#}"), "a wake-up was not sent; its listeners poll");
        }
    }
}
