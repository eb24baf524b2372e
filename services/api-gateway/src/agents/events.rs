//! What was refused a run, or done for it, told to the control-plane in the background: it shows on the run's page.
//!
//! A pod chooses how often it is refused, so each run has an allowance a minute; what is over it is only counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use contract::internal::{BrokerEvent, BrokerEventKind, RunGrant};
use serde_json::{Map, Value};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::control::{Control, ControlError};

const WINDOW: Duration = Duration::from_secs(60);
const ALLOWANCE: u32 = 60;

/// Records broker events.
#[derive(Clone)]
pub(super) struct Events {
    control: Control,
    tasks: TaskTracker,
    windows: Arc<Mutex<HashMap<Uuid, (Instant, u32)>>>,
}

impl Events {
    pub(super) fn new(control: Control, tasks: TaskTracker) -> Self {
        Self { control, tasks, windows: Arc::default() }
    }

    /// Records one event. `data` must hold nothing secret: it is shown to people.
    pub(super) fn record<const N: usize>(&self, run: &Arc<RunGrant>, kind: BrokerEventKind, data: [(&str, Value); N]) {
        metrics::counter!("codexk8s_broker_events_total", "kind" => kind.to_string()).increment(1);
        if !self.within_allowance(run.run_id) {
            return;
        }
        let data: Map<_, _> = data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let event = BrokerEvent { event_id: Uuid::now_v7(), kind, data };
        let (control, run) = (self.control.clone(), run.clone());
        self.tasks.spawn(async move {
            if let Err(error) = retried(|| control.record_event(&run, &event)).await {
                tracing::error!(%error, run_id = %run.run_id, kind = %event.kind, "a broker event was not recorded");
            }
        });
    }

    fn within_allowance(&self, run: Uuid) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|_, (began, _)| began.elapsed() < WINDOW);
        let (_, count) = windows.entry(run).or_insert_with(|| (Instant::now(), 0));
        *count += 1;
        *count <= ALLOWANCE
    }
}

/// Repeats a recording until the control-plane has answered; recordings carry an id, so that repeating is harmless.
pub(super) async fn retried<F>(record: impl FnMut() -> F) -> Result<(), ControlError>
where
    F: Future<Output = Result<(), ControlError>>,
{
    let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(200)).with_max_times(8);
    record.retry(pauses).when(|error| matches!(error, ControlError::Unreachable(_))).await
}
