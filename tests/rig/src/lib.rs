//! A rig for trying the webhook path to its limits: a PostgreSQL of its own that may be killed, frozen or slowed down,
//! the real control-plane and gateway as processes, a small installation, and a client that sends many deliveries.
#![deny(missing_docs)]

pub mod bench;
pub mod delivery;
pub mod installation;
pub mod load;
pub mod platform;
pub mod postgres;

use std::time::Duration;

use anyhow::{Result, bail};

/// Asks until the answer is yes; the last error when `limit` has passed.
///
/// # Errors
/// The last refusal.
pub async fn until<F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let asking = async {
        loop {
            if ask().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(limit, asking).await {
        Ok(outcome) => outcome,
        Err(_) => bail!("{what} took more than {limit:?}"),
    }
}
