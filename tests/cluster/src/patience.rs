//! Waiting for a condition, bounded.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(200);

/// Looks until there is something to see, and answers it with how long that took.
///
/// # Errors
/// When `limit` is over, naming `what`, or when a look fails.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<(T, Duration)> {
    let begun = Instant::now();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begun.elapsed() < limit {
        ticks.tick().await;
        if let Some(seen) = look().await? {
            return Ok((seen, begun.elapsed()));
        }
    }
    bail!("{what}: not within {limit:?}")
}

/// Whether somebody takes a connection there, from where the tests run.
pub async fn answers(target: SocketAddr) -> bool {
    let answer = tokio::time::timeout(Duration::from_secs(3), TcpStream::connect(target)).await;
    answer.is_ok_and(|answer| answer.is_ok())
}
