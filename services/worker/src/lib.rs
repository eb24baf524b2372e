//! Everything that is driven by time or by rows: runs are claimed, put into the cluster, observed and ended, comments
//! and labels reach GitHub, namespaces go when their time is over.
//!
//! Any number of workers do the same side by side. A worker keeps nothing in memory that another could not read from the
//! database: what it holds are leases, and what it does in Kubernetes and on GitHub may be done twice.

mod accounts;
mod applying;
mod channels;
mod collect;
mod config;
mod desk;
mod discussions;
mod ending;
mod expiry;
mod forgetting;
mod github;
mod labels;
mod launch;
mod leases;
mod missed;
mod observe;
mod outbound;
mod outside;
mod place;
mod precheck;
mod public;
mod redelivery;
mod review_gate;
mod startup;
mod sweep;
mod telling;
mod tripped;
mod turn;
mod wake;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cluster::Cluster;
use runtime::ops::{self, Health};
use runtime::{Pace, supervise};
use store::PgPool;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::{Channels, Config};
use desk::Desk;
use github::Holds;

/// How long a stop may take: a turn that has begun is finished, leases are given back.
const STOP_GRACE: Duration = Duration::from_secs(9);
/// How many runs one worker drives at the same moment. The others wait on their rows.
const HANDS: usize = 16;

/// What every loop works with.
struct Deps {
    config: Config,
    /// Who this process is, new at every start: what a predecessor left is taken over like anybody's.
    worker: String,
    db: PgPool,
    /// One connection of its own for heartbeats, so that a busy pool never costs a lease.
    beat_db: PgPool,
    cluster: Cluster,
    desk: Desk,
    holds: Holds,
    claims: Arc<Notify>,
    deliveries: Arc<Notify>,
    comments: Arc<Notify>,
    decisions: Arc<Notify>,
    tries: Arc<Notify>,
    asks: Arc<Notify>,
    ends: Arc<Notify>,
    hands: Arc<Semaphore>,
    turns: TaskTracker,
}

impl Deps {
    /// Pools connect when they are first used, so an absent database is met by the startup's check.
    fn new(config: Config, cluster: Cluster) -> anyhow::Result<Arc<Self>> {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "worker".into());
        let start = uuid::Uuid::new_v4().simple().to_string();
        let db = store::connect(&config.database_url, config.database_pool, "worker").context("DATABASE_URL")?;
        let beat_db = store::connect(&config.database_url, 1, "worker-beat").context("DATABASE_URL")?;
        Ok(Arc::new(Self {
            config,
            worker: format!("{host}/{}", &start[..8]),
            db,
            beat_db,
            cluster,
            desk: Desk::default(),
            holds: Holds::default(),
            claims: Arc::default(),
            deliveries: Arc::default(),
            comments: Arc::default(),
            decisions: Arc::default(),
            tries: Arc::default(),
            asks: Arc::default(),
            ends: Arc::default(),
            hands: Arc::new(Semaphore::new(HANDS)),
            turns: TaskTracker::new(),
        }))
    }

    fn actor(&self) -> String {
        format!("worker:{}", self.worker)
    }
}

/// Runs the worker until the stop. While the database or the cluster is absent it is not ready and keeps trying.
///
/// # Errors
/// A loop ended early, or the encryption keys are not those of the database.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let cluster = Cluster::connect().await.context("no usable cluster configuration")?;
    run_on(config, cluster, stop).await
}

/// The same on a given cluster.
///
/// # Errors
/// As [`run`].
pub async fn run_on(config: Config, cluster: Cluster, stop: CancellationToken) -> anyhow::Result<()> {
    let (health, mut tasks) = (Health::default(), JoinSet::new());
    let (postgres, kubernetes) = (health.flag("postgres"), health.flag("kubernetes"));
    let started = health.flag("started");
    tasks.spawn(ops::serve(config.ops_listen, health, stop.clone()));
    let deps = Deps::new(config, cluster)?;
    let flags = startup::Flags { postgres, kubernetes };
    if !startup::wait_until_ready(&deps, &flags, &stop).await? {
        return supervise(tasks, stop, STOP_GRACE).await;
    }
    started.set(true);
    tasks.spawn(startup::keep_checking(deps.clone(), flags, stop.clone()));
    spawn_loops(&deps, &mut tasks, &stop);
    supervise(tasks, stop, STOP_GRACE).await
}

fn spawn_loops(deps: &Arc<Deps>, tasks: &mut JoinSet<anyhow::Result<()>>, stop: &CancellationToken) {
    let every = |seconds: u64, wake: &Arc<Notify>| Pace::new(Duration::from_secs(seconds), wake.clone());
    // A second at most passes unused when every wake-up is lost.
    tasks.spawn(launch::run(deps.clone(), every(1, &deps.claims), stop.clone()));
    tasks.spawn(observe::run(deps.clone(), every(1, deps.desk.wake()), stop.clone()));
    let beat = Pace::new(deps.config.lease_ttl / 3, Arc::default());
    tasks.spawn(leases::run(deps.clone(), beat, stop.clone()));
    tasks.spawn(outbound::run(deps.clone(), every(1, &deps.deliveries), stop.clone()));
    tasks.spawn(discussions::run(deps.clone(), every(1, &deps.comments), stop.clone()));
    tasks.spawn(applying::run(deps.clone(), every(1, &deps.decisions), stop.clone()));
    tasks.spawn(accounts::run(deps.clone(), every(1, &deps.tries), stop.clone()));
    tasks.spawn(channels::run(deps.clone(), every(1, &deps.asks), stop.clone()));
    tasks.spawn(telling::run(deps.clone(), every(1, &deps.ends), stop.clone()));
    tasks.spawn(redelivery::run(deps.clone(), Pace::new(redelivery::LOOK, Arc::default()), stop.clone()));
    tasks.spawn(expiry::run(deps.clone(), every(5, &Arc::default()), stop.clone()));
    tasks.spawn(forgetting::run(deps.clone(), every(3600, &Arc::default()), stop.clone()));
    tasks.spawn(sweep::run(deps.clone(), every(10, &Arc::default()), stop.clone()));
    tasks.spawn(labels::run(deps.clone(), every(5, &Arc::default()), stop.clone()));
    tasks.spawn(wake::run(deps.clone(), stop.clone()));
    tasks.spawn(watch::run(deps.clone(), stop.clone()));
}
