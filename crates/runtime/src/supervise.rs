//! The life of a process: all its tasks in one set, all of them for as long as it runs. A task that ends early ends the
//! process, because a service that lacks one of its loops looks healthy and is not.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Waits until `stop` is cancelled, then at most `grace` for the tasks to end.
///
/// # Errors
/// A task ended or panicked before the stop, failed while stopping, or was still running after `grace`. The others are
/// told to stop in every case.
pub async fn supervise(
    mut tasks: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
    grace: Duration,
) -> anyhow::Result<()> {
    let early = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        ended = tasks.join_next() => Some(ended),
    };
    stop.cancel();
    let drained = tokio::time::timeout(grace, drain(&mut tasks)).await;
    match early {
        Some(Some(ended)) => return Err(too_early(flatten(ended))),
        Some(None) => bail!("there was no task to run"),
        None => {}
    }
    drained.map_err(|_| anyhow!("{} task(s) still ran {grace:?} after the stop", tasks.len()))?
}

async fn drain(tasks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        match (flatten(ended), &outcome) {
            (Err(error), Ok(())) => outcome = Err(error.context("a task failed while stopping")),
            (Err(error), Err(_)) => tracing::error!(error = format!("{error:#}"), "another task failed while stopping"),
            (Ok(()), _) => {}
        }
    }
    outcome
}

fn flatten(ended: Result<anyhow::Result<()>, JoinError>) -> anyhow::Result<()> {
    ended.context("a task panicked or was aborted")?
}

fn too_early(ended: anyhow::Result<()>) -> anyhow::Error {
    match ended {
        Ok(()) => anyhow!("a task ended before shutdown"),
        Err(error) => error.context("a task failed before shutdown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    fn waiting(tasks: &mut JoinSet<anyhow::Result<()>>, stop: &CancellationToken) {
        let stop = stop.clone();
        tasks.spawn(async move {
            stop.cancelled().await;
            Ok(())
        });
    }

    #[tokio::test]
    async fn a_stop_lets_every_task_end() {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        waiting(&mut tasks, &stop);
        stop.cancel();
        assert!(supervise(tasks, stop, GRACE).await.is_ok());
    }

    #[tokio::test]
    async fn a_task_that_ends_early_stops_the_others_and_is_named_as_the_cause() {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        waiting(&mut tasks, &stop);
        tasks.spawn(async { Err(anyhow!("database gone")) });
        let error = format!("{:#}", supervise(tasks, stop.clone(), GRACE).await.unwrap_err());
        assert_eq!(error, "a task failed before shutdown: database gone");
        assert!(stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_panic_is_an_early_end_too() {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        tasks.spawn(async { panic!("bug") });
        assert!(supervise(tasks, stop, GRACE).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ignores_the_stop_is_reported_after_the_grace() {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        tasks.spawn(std::future::pending());
        stop.cancel();
        let error = supervise(tasks, stop, GRACE).await.unwrap_err();
        assert_eq!(error.to_string(), "1 task(s) still ran 5s after the stop");
    }
}
