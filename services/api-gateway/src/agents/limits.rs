//! How much of each thing one run may have open at once, so that one run cannot starve the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use contract::problem::Problem;
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

/// Counts what each run has open.
#[derive(Debug, Default)]
pub(super) struct Limits {
    open: Mutex<HashMap<(Uuid, Kind), usize>>,
}

/// One place that a run holds; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    limits: Arc<Limits>,
    key: (Uuid, Kind),
}

impl Limits {
    /// A place for one more of `kind`, or a 429 when the run has as many as it may.
    pub(super) fn take(self: &Arc<Self>, run: Uuid, kind: Kind) -> Result<Slot, Problem> {
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

impl Drop for Slot {
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
    use super::*;

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
