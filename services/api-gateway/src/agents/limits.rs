//! How much of each thing one run may have open at once, and how often it may call tools, so that one run cannot starve
//! the others.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use contract::problem::Problem;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

/// Things that are counted per run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    ModelCall,
    Push,
    Fetch,
    Tunnel,
    Registry,
    Report,
    Session,
    Tool,
}

impl Kind {
    const fn most(self) -> usize {
        match self {
            Self::Push => 1,
            Self::Session => 2,
            Self::Fetch | Self::Tool => 4,
            Self::ModelCall => 8,
            Self::Report => 16,
            Self::Tunnel => 32,
            Self::Registry => 64,
        }
    }
}

/// Calls of tools that a run may make in a row.
const CALLS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
/// Calls that it may make again in each second after that.
const CALLS_A_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// Runs whose calls are counted, before those that have paused are forgotten.
const COUNTED: usize = 1000;

/// Counts what each run has open, and its calls of tools.
#[derive(Debug)]
pub(super) struct Limits<C: Clock = DefaultClock> {
    open: Mutex<HashMap<(Uuid, Kind), usize>>,
    calls: RateLimiter<Uuid, DefaultKeyedStateStore<Uuid>, C, NoOpMiddleware<C::Instant>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self::at(DefaultClock::default())
    }
}

/// One place that a run holds; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Slot<C: Clock = DefaultClock> {
    limits: Arc<Limits<C>>,
    key: (Uuid, Kind),
}

impl<C: Clock> Limits<C> {
    fn at(clock: C) -> Self {
        let quota = Quota::per_second(CALLS_A_SECOND).allow_burst(CALLS);
        Self { open: Mutex::default(), calls: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock) }
    }

    /// Counts a call of a tool; a 429 when the run makes too many.
    pub(super) fn call(&self, run: Uuid) -> Result<(), Problem> {
        if self.calls.len() > COUNTED {
            self.calls.retain_recent();
        }
        self.calls.check_key(&run).map_err(|_| {
            let title =
                format!("A run calls {CALLS} tools in a row at most, and {CALLS_A_SECOND} a second from then on");
            Problem::too_many_requests("too_many_calls", title)
        })
    }

    /// A place for one more of `kind`, or a 429 when the run has as many as it may.
    pub(super) fn take(self: &Arc<Self>, run: Uuid, kind: Kind) -> Result<Slot<C>, Problem> {
        let key = (run, kind);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key).or_default();
        if *count >= kind.most() {
            let title = format!("The run has {} of these open already", kind.most());
            return Err(Problem::too_many_requests("too_many_at_once", title));
        }
        *count += 1;
        Ok(Slot { limits: self.clone(), key })
    }
}

impl<C: Clock> Drop for Slot<C> {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_run_that_calls_too_often_waits_and_the_others_do_not() {
        let clock = FakeRelativeClock::default();
        let limits = Limits::at(clock.clone());
        let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
        for _ in 0..CALLS.get() {
            limits.call(one).unwrap();
        }
        assert_eq!(limits.call(one).unwrap_err().code, "too_many_calls");
        assert!(limits.call(two).is_ok());
        clock.advance(Duration::from_secs(1));
        let again: Vec<_> = (0..3).map(|_| limits.call(one).is_ok()).collect();
        assert_eq!(again, [true, true, false]);
    }

    #[test]
    fn a_run_gets_its_share_and_gives_it_back() {
        let limits = Arc::new(Limits::default());
        let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
        let held = limits.take(one, Kind::Push).unwrap();
        assert!(limits.take(one, Kind::Push).is_err());
        assert!(limits.take(one, Kind::Fetch).is_ok());
        assert!(limits.take(two, Kind::Push).is_ok());
        drop(held);
        assert!(limits.take(one, Kind::Push).is_ok());
        assert!(limits.open.lock().unwrap().is_empty());
    }
}
