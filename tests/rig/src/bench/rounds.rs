//! The rounds: baseline and ours in turn, each from empty tables.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use contract::assertion::{Signer, system_clock};
use contract::keys::SignatureKey;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::baseline;
use super::quiet::watched;
use super::report::{Round, Rounds};
use super::stage::Stage;
use crate::delivery::Delivery;
use crate::load::{Answer, Load, Source, percentile};
use crate::platform::assertion_key;

const ROUNDS: usize = 5;
/// How long one side of a round is loaded.
const TIME: Duration = Duration::from_secs(4);
/// Deliveries under way: twice the pool, so that the pool never waits for a client.
const LINES: usize = 40;
/// Workers that listen for wake-ups.
const WORKERS: usize = 4;
/// Most deliveries that are made ahead for one round.
const MOST: f64 = 60_000.0;

/// Rates beside the baseline's.
pub(super) struct Rates {
    /// The control-plane alone.
    pub(super) alone: Rounds,
    /// Through the gateway.
    pub(super) through: Rounds,
}

/// P1 and P2.
pub(super) async fn rates(stage: &Stage) -> Result<Rates> {
    let mut rates = Rates { alone: Rounds::default(), through: Rounds::default() };
    for round in 0..=ROUNDS {
        stage.clear().await?;
        let (base, disturbed) = watched(baseline::run(stage, TIME, None)).await?;
        let count = base.rate.min(MOST);
        let alone = asserted(count, round)?;
        let (alone, foreign) = rate(stage, stage.platform.control_plane.address, alone).await?;
        let alone = Round { base: base.rate, ours: alone, foreign: foreign.max(disturbed) };
        let (through, foreign) = rate(stage, stage.platform.gateway.address, signed(count, round)).await?;
        let through = Round { base: base.rate, ours: through, foreign: foreign.max(disturbed) };
        // The first round warms caches and prepared statements up.
        if round > 0 {
            rates.alone.0.push(alone);
            rates.through.0.push(through);
        }
    }
    Ok(rates)
}

/// P3, in milliseconds.
pub(super) async fn waits(stage: &Stage, at: f64) -> Result<Rounds> {
    let mut rounds = Rounds::default();
    for round in 0..ROUNDS {
        stage.clear().await?;
        let (base, disturbed) = watched(baseline::run(stage, TIME, Some(at))).await?;
        stage.clear().await?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of deliveries")]
        let count = (at * TIME.as_secs_f64()) as usize;
        let mut deliveries = signed(at, 100 + round);
        deliveries.truncate(count);
        let load = Load { address: stage.platform.gateway.address, source: listed(deliveries), lines: LINES };
        let (answers, foreign) = watched(async { Ok(load.run_at(at).await) }).await?;
        all_taken_in(&answers)?;
        let ours = percentile(&answers, 0.99).as_secs_f64() * 1000.0;
        rounds.0.push(Round { base: base.p99, ours, foreign: foreign.max(disturbed) });
    }
    Ok(rounds)
}

/// P6.
pub(super) async fn listened(stage: &Stage) -> Result<Rounds> {
    let mut rounds = Rounds::default();
    let gateway = stage.platform.gateway.address;
    let mut count = MOST / TIME.as_secs_f64() / 4.0;
    for round in 0..=ROUNDS {
        let (base, disturbed) = rate(stage, gateway, signed(count, 200 + round)).await?;
        let workers = listeners(stage).await?;
        let (ours, foreign) = rate(stage, gateway, signed(count, 300 + round)).await?;
        drop(workers);
        count = base.max(ours) * 1.2;
        if round > 0 {
            rounds.0.push(Round { base, ours, foreign: foreign.max(disturbed) });
        }
    }
    Ok(rounds)
}

/// Connections that hear of work and of every run that changes, as workers do.
async fn listeners(stage: &Stage) -> Result<JoinSet<sqlx::Result<()>>> {
    let mut listeners = JoinSet::new();
    for _ in 0..WORKERS {
        let db = stage.db.clone();
        listeners.spawn(async move { store::wake::listen(&db, Some(Arc::default()), |_| {}).await });
    }
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND application_name = ''";
    let wanted = i64::try_from(WORKERS)?;
    crate::until("the listeners", Duration::from_secs(10), async || {
        Ok(sqlx::query_scalar::<_, i64>(listening).fetch_one(&stage.db).await? >= wanted)
    })
    .await?;
    Ok(listeners)
}

/// Webhooks a second, from empty tables; also the share of the machine that went to others.
async fn rate(stage: &Stage, address: SocketAddr, deliveries: Vec<Delivery>) -> Result<(f64, f64)> {
    stage.clear().await?;
    let load = |source| Load { address, source, lines: LINES };
    let ((answers, took), foreign) = watched(async {
        let begin = Instant::now();
        let answers = load(for_a_while(deliveries, begin)).run(&watch::Sender::default()).await;
        Ok((answers, begin.elapsed()))
    })
    .await?;
    all_taken_in(&answers)?;
    #[expect(clippy::cast_precision_loss, reason = "a number of deliveries")]
    let rate = answers.len() as f64 / took.as_secs_f64();
    Ok((rate, foreign))
}

fn all_taken_in(answers: &[Answer]) -> Result<()> {
    let refused = answers.iter().filter(|answer| !answer.is_acknowledged()).count();
    ensure!(refused == 0 && !answers.is_empty(), "{refused} of {} deliveries were not taken in", answers.len());
    Ok(())
}

/// Deliveries for the gateway, enough for `rate` a second; `round` makes their ids new.
fn signed(rate: f64, round: usize) -> Vec<Delivery> {
    numbers(rate).map(|n| Delivery::labelled(&format!("bench-{round}-{n}"), n)).collect()
}

/// Deliveries for the control-plane, vouched for as the gateway does. An assertion lives 30 s, so they are made just
/// before they are sent.
fn asserted(rate: f64, round: usize) -> Result<Vec<Delivery>> {
    let signer = Signer::new(SignatureKey::from_pem(&assertion_key()?)?, system_clock);
    numbers(rate).map(|n| Delivery::asserted(&format!("alone-{round}-{n}"), n, &signer)).collect()
}

fn numbers(rate: f64) -> std::ops::RangeInclusive<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of deliveries")]
    let count = (rate * TIME.as_secs_f64() * 1.05) as u64;
    1..=count
}

fn listed(deliveries: Vec<Delivery>) -> Source {
    Arc::new(move |number| deliveries.get(usize::try_from(number).ok()?).cloned())
}

fn for_a_while(deliveries: Vec<Delivery>, begin: Instant) -> Source {
    let all = listed(deliveries);
    Arc::new(move |number| (begin.elapsed() < TIME).then(|| all(number)).flatten())
}
