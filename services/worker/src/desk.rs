//! Which runs this process should look at, and which it has in hand. Only hints: whatever is lost here, the next full
//! look over the leases brings back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ids::RunId;
use tokio::sync::Notify;

/// Where a change was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Glance {
    /// The run's row changed; the cluster need not be asked.
    Row,
    /// Its Job or pod changed, or it is simply time to look.
    Everything,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Desk {
    papers: Arc<Mutex<Papers>>,
    wake: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Papers {
    waiting: HashMap<RunId, Glance>,
    /// Runs in hand; the value says whether something changed meanwhile.
    in_hand: HashMap<RunId, Option<Glance>>,
}

/// A run that one task works on; nobody else of this process does until it is dropped.
#[derive(Debug)]
pub(crate) struct InHand {
    desk: Desk,
    run: RunId,
}

impl Desk {
    pub(crate) fn wake(&self) -> &Arc<Notify> {
        &self.wake
    }

    /// Asks for a look at the run, soon.
    pub(crate) fn mark(&self, run: RunId, glance: Glance) {
        let mut papers = self.papers();
        match papers.in_hand.get_mut(&run) {
            Some(again) => *again = (*again).max(Some(glance)),
            None => {
                let wanted = papers.waiting.entry(run).or_insert(glance);
                *wanted = (*wanted).max(glance);
                self.wake.notify_one();
            }
        }
    }

    /// The runs that wait for a look.
    pub(crate) fn collect(&self) -> HashMap<RunId, Glance> {
        std::mem::take(&mut self.papers().waiting)
    }

    /// Takes the run in hand, or notes that it should be looked at again by the task that has it.
    pub(crate) fn take(&self, run: RunId, glance: Glance) -> Option<InHand> {
        let mut papers = self.papers();
        if let Some(again) = papers.in_hand.get_mut(&run) {
            *again = (*again).max(Some(glance));
            return None;
        }
        papers.in_hand.insert(run, None);
        Some(InHand { desk: self.clone(), run })
    }

    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let again = self.desk.papers().in_hand.remove(&self.run).flatten();
        if let Some(glance) = again {
            self.desk.mark(self.run, glance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_while_a_run_is_in_hand_is_looked_at_afterwards() {
        let (desk, run) = (Desk::default(), RunId::new());
        let hand = desk.take(run, Glance::Everything).unwrap();
        desk.mark(run, Glance::Row);
        assert!(desk.take(run, Glance::Everything).is_none());
        assert!(desk.collect().is_empty());
        drop(hand);
        assert_eq!(desk.collect(), HashMap::from([(run, Glance::Everything)]));
        assert!(desk.take(run, Glance::Row).is_some());
    }

    #[test]
    fn the_wider_look_wins() {
        let (desk, run) = (Desk::default(), RunId::new());
        desk.mark(run, Glance::Everything);
        desk.mark(run, Glance::Row);
        assert_eq!(desk.collect(), HashMap::from([(run, Glance::Everything)]));
    }
}
