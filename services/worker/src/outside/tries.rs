//! Tries to call services of others: several at the same moment, so that one that does not answer holds up no other.

use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;

use crate::Config;

/// Tries at the same moment.
const AT_ONCE: usize = 8;
/// How long a try may take beside the other side's answer, before another worker repeats it.
const MARGIN: Duration = Duration::from_secs(10);

/// How long a row is leased for one try.
pub(crate) fn lease(config: &Config) -> Duration {
    config.channels.answer_within + MARGIN
}

/// The tries of one loop.
#[derive(Default)]
pub(crate) struct Tries(JoinSet<()>);

impl Tries {
    /// Forgets those that are over.
    ///
    /// # Errors
    /// When one panicked.
    pub(crate) fn reap(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.0.try_join_next() {
            ended.context("a try panicked")?;
        }
        Ok(())
    }

    /// Whether another may begin.
    pub(crate) fn have_room(&self) -> bool {
        self.0.len() < AT_ONCE
    }

    /// Begins one.
    pub(crate) fn begin(&mut self, one: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(one);
    }
}
