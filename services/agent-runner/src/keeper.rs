//! Keeps what a later launch goes on from: first codex's session, then the working tree. It looks after each step of
//! the agent, so that a pod that is lost without warning takes no more than the last step with it.

use std::time::Duration;

use anyhow::Context;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{session::Session, worktree::Worktree};

/// A command that runs for long is no step, and changes files all the same.
const PERIOD: Duration = Duration::from_secs(15);
/// Codex tells of a step before it has written it down, and steps come in swarms.
const SETTLE: Duration = Duration::from_millis(500);
/// How many times longer than it took to keep everything the next time waits: most of the pod is the agent's.
const REST: u32 = 5;

/// How far codex is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Its id of the session, once it has begun.
    pub session: Option<String>,
    /// Grows with everything it tells.
    pub steps: u64,
}

/// Keeps session and working tree of one launch.
pub struct Keeper {
    progress: watch::Receiver<Progress>,
    session: Session,
    worktree: Worktree,
}

impl Keeper {
    /// A keeper that looks whenever `progress` changes.
    #[must_use]
    pub const fn new(progress: watch::Receiver<Progress>, session: Session, worktree: Worktree) -> Self {
        Self { progress, session, worktree }
    }

    /// Keeps what changed until `stop`, then hands itself back for the last time.
    pub async fn run(mut self, stop: CancellationToken) -> Self {
        let mut rest = SETTLE;
        loop {
            // A stop does not wait for an upload under way: the last look repeats it with what is newest.
            let kept = tokio::select! {
                () = stop.cancelled() => return self,
                kept = self.turn(rest) => kept,
            };
            rest = match kept {
                Ok(took) => SETTLE.max(took * REST),
                Err(error) => {
                    tracing::warn!(?error, "not everything was kept; the next turn tries again");
                    PERIOD
                }
            };
        }
    }

    /// Waits for something to keep, and keeps it; answers how long that took.
    async fn turn(&mut self, rest: Duration) -> anyhow::Result<Duration> {
        // Without a step in the period, or without anybody who could tell of one, it is time to look all the same.
        let _ = timeout(PERIOD, self.progress.changed()).await;
        sleep(rest).await;
        let begun = Instant::now();
        self.keep().await?;
        Ok(begun.elapsed())
    }

    /// Uploads what changed since the last upload, the session first.
    ///
    /// # Errors
    /// When one of them is not kept; the other is tried all the same.
    pub async fn keep(&mut self) -> anyhow::Result<()> {
        let Some(id) = self.progress.borrow_and_update().session.clone() else { return Ok(()) };
        let session = self.session.keep(&id).await.context("keeping the session");
        let worktree = self.worktree.keep().await.context("keeping the working tree");
        match (session, worktree) {
            (Err(error), Err(other)) => Err(error.context(format!("{other:#}"))),
            (session, worktree) => session.and(worktree),
        }
    }
}
