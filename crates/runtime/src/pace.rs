//! When a loop takes its next turn: at once, then after a period or a wake-up, until the process stops. What a turn does
//! never depends on which of the two it was.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The pace of one loop. Each loop has a `Notify` of its own, woken with `notify_one`, which keeps a wake-up that comes
/// while a turn is being taken.
#[derive(Debug)]
pub struct Pace {
    period: Duration,
    wake: Arc<Notify>,
    started: bool,
}

impl Pace {
    /// A turn at least every `period`, and one whenever `wake` is notified.
    #[must_use]
    pub fn new(period: Duration, wake: Arc<Notify>) -> Self {
        Self { period, wake, started: false }
    }

    /// Waits for the next turn; the first one is due at once. `false` means that the process stops.
    pub async fn turn(&mut self, stop: &CancellationToken) -> bool {
        if stop.is_cancelled() {
            return false;
        }
        if !std::mem::replace(&mut self.started, true) {
            return true;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => false,
            () = self.wake.notified() => true,
            () = tokio::time::sleep(self.period) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_once_then_by_period_then_by_wake_up_until_the_stop() {
        let (wake, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let mut pace = Pace::new(Duration::from_secs(60), wake.clone());
        let begin = Instant::now();
        assert!(pace.turn(&stop).await);
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert!(pace.turn(&stop).await);
        assert_eq!(begin.elapsed(), Duration::from_secs(60));
        wake.notify_one();
        assert!(pace.turn(&stop).await);
        assert_eq!(begin.elapsed(), Duration::from_secs(60));
        stop.cancel();
        wake.notify_one();
        assert!(!pace.turn(&stop).await);
    }
}
