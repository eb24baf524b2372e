//! Hears the database's wake-ups and hands them to the loops. A lost connection costs a moment: the loops poll.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::RunId;
use store::wake;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Deps;
use crate::desk::Glance;

const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(deps: Arc<Deps>, stop: CancellationToken) -> anyhow::Result<()> {
    let work = Arc::new(Notify::new());
    let relay = async {
        loop {
            work.notified().await;
            deps.claims.notify_one();
            deps.deliveries.notify_one();
            deps.comments.notify_one();
            deps.decisions.notify_one();
            deps.tries.notify_one();
            deps.asks.notify_one();
            deps.ends.notify_one();
        }
    };
    let listen = async {
        loop {
            let heard = wake::listen(&deps.db, Some(work.clone()), |run| deps.desk.mark(RunId(run), Glance::Row)).await;
            if let Err(error) = heard {
                tracing::warn!(%error, "wake-ups are not heard; the loops poll");
            }
            tokio::time::sleep(PAUSE).await;
            work.notify_one();
        }
    };
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = relay => Ok(()),
        () = listen => Ok(()),
    }
}

/// Tells viewers that something changed, and other loops if there is `work` for them. What is lost is found by polling.
pub(crate) async fn tell(deps: &Deps, work: bool, id: Uuid) {
    if let Err(error) = wake::notify(&deps.db, work, &[id]).await {
        tracing::debug!(%error, "a wake-up was not sent; the listeners poll");
    }
}
