//! The runner's sign of life, and the platform's way to tell it to stop.

use std::time::Duration;

use contract::agent::{Beat, BeatPhase};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{
    api::{ApiError, RunApi},
    stop::{Cause, Stop},
};

const PERIOD: Duration = Duration::from_secs(5);

/// Beats until the stop, and stops everything when the platform asks for it or refuses the token. A platform that
/// cannot be reached stops nothing: it has its own limits for a runner it does not hear.
pub async fn run(
    api: RunApi,
    phase: watch::Receiver<BeatPhase>,
    last_words: watch::Receiver<Option<String>>,
    stop: Stop,
) {
    let stopped = stop.token();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopped.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let beat = Beat { phase: *phase.borrow(), last_words: last_words.borrow().clone() };
        match api.beat(&beat).await {
            Ok(orders) if orders.stop => stop.now(Cause::Order),
            Ok(_) => {}
            Err(ApiError::Revoked(status)) => {
                tracing::warn!(%status, "the run token is not accepted any more");
                stop.now(Cause::Revoked);
            }
            Err(error) => tracing::warn!(?error, "a beat was not answered"),
        }
    }
}
