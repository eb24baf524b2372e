//! The one way everything in the runner is told to end, and why.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why the runner ends before its work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// SIGTERM: Kubernetes ends the pod.
    Signal,
    /// The platform asked for it in the answer to a beat.
    Order,
    /// The run token is refused.
    Revoked,
}

/// Tells everybody to stop; the first cause counts.
#[derive(Debug, Clone)]
pub struct Stop {
    token: CancellationToken,
    cause: Arc<OnceLock<Cause>>,
}

impl Stop {
    /// A stop that also follows `signal`, the process's own token.
    #[must_use]
    pub fn new(signal: &CancellationToken) -> Self {
        Self { token: signal.child_token(), cause: Arc::default() }
    }

    /// Stops for `cause`, unless somebody did before.
    pub fn now(&self, cause: Cause) {
        let _ = self.cause.set(cause);
        self.token.cancel();
    }

    /// Waits for the stop and returns its cause.
    pub async fn wait(&self) -> Cause {
        self.token.cancelled().await;
        *self.cause.get_or_init(|| Cause::Signal)
    }

    /// A token for tasks that only need to know when.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_cause_counts_and_a_bare_signal_is_one() {
        let signal = CancellationToken::new();
        let stop = Stop::new(&signal);
        stop.now(Cause::Order);
        stop.now(Cause::Revoked);
        assert_eq!(stop.wait().await, Cause::Order);
        assert!(!signal.is_cancelled());

        let stop = Stop::new(&signal);
        signal.cancel();
        assert_eq!(stop.wait().await, Cause::Signal);
    }
}
