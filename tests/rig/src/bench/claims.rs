//! How long a label waits for an idle worker: from the webhook's first byte until the run is claimed, with the worker's
//! own parts (wake-ups, pace, claim).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use runtime::Pace;
use sqlx::PgPool;
use store::runs::lease;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::quiet::watched;
use super::report::verdict;
use super::stage::Stage;
use crate::delivery::Delivery;
use crate::load::{Answer, Line, percentile};

/// The worker's poll.
const POLL: Duration = Duration::from_secs(1);
const LABELS: u64 = 300;
/// Labels whose wake-ups are all lost.
const UNHEARD: u64 = 20;

/// P5.
pub(super) struct Claims {
    heard: Vec<Answer>,
    unheard: Vec<Answer>,
    foreign: f64,
}

/// Measures both: with wake-ups, and by polling alone.
pub(super) async fn measure(stage: &Stage) -> Result<Claims> {
    stage.clear().await?;
    let (heard, foreign) = watched(claimed(stage, true, 1..=LABELS)).await?;
    let (unheard, also) = watched(claimed(stage, false, LABELS + 1..=LABELS + UNHEARD)).await?;
    Ok(Claims { heard, unheard, foreign: foreign.max(also) })
}

async fn claimed(stage: &Stage, listens: bool, issues: std::ops::RangeInclusive<u64>) -> Result<Vec<Answer>> {
    let (wake, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let (tell, mut claims) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    if listens {
        let (db, wake) = (stage.db.clone(), wake.clone());
        tasks.spawn(async move { Ok(store::wake::listen(&db, Some(wake), |_| {}).await?) });
    }
    tasks.spawn(work(stage.db.clone(), Pace::new(POLL, wake), stop.clone(), tell));
    let mut line = Line::new(stage.platform.gateway.address);
    let mut answers = Vec::new();
    for issue in issues {
        if !listens {
            // Labels come at any moment between two polls.
            tokio::time::sleep(Duration::from_millis(issue * 379 % 1000)).await;
        }
        let delivery = Delivery::labelled(&format!("claim-{issue}"), issue);
        let begin = Instant::now();
        let status = line.send(&delivery).await?;
        ensure!(status.as_u16() == 202, "label {issue} was answered {status}");
        let claimed: Instant = claims.recv().await.context("the worker has ended")?;
        answers.push(Answer { guid: delivery.guid, status: Some(status), took: claimed.duration_since(begin) });
    }
    stop.cancel();
    Ok(answers)
}

/// An idle worker: claims whatever is due, at each wake-up and each poll.
async fn work(db: PgPool, mut pace: Pace, stop: CancellationToken, tell: mpsc::UnboundedSender<Instant>) -> Result<()> {
    while pace.turn(&stop).await {
        while let Some(lease) = lease::claim(&db, "bench", Duration::from_secs(3600)).await? {
            tell.send(Instant::now())?;
            // Its place is free again for the next label.
            sqlx::query("UPDATE agent_runs SET status = 'succeeded', finished_at = app_now() WHERE id = $1")
                .bind(lease.run.0)
                .execute(&db)
                .await?;
        }
    }
    Ok(())
}

impl fmt::Display for Claims {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let [p50, p99] = [0.5, 0.99].map(|share| milliseconds(percentile(&self.heard, share)));
        let [poll_p50, poll_max] = [0.5, 1.0].map(|share| milliseconds(percentile(&self.unheard, share)));
        let met = p50 < 3.0 && p99 < 20.0 && poll_max <= 1000.0;
        writeln!(
            out,
            "P5  p50 {p50:.1} ms, p99 {p99:.1} ms; every wake-up lost: p50 {poll_p50:.0} ms, at most {poll_max:.0} ms  goal \
             p50 < 3 ms, p99 < 20 ms, ≤ 1 s: {}",
            verdict(met, self.foreign)
        )?;
        write!(
            out,
            "    label → claimed by an idle worker, through gateway and control-plane; {} and {} labels",
            self.heard.len(),
            self.unheard.len()
        )
    }
}
