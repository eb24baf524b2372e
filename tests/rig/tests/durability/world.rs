//! The platform under test, and how its rows are counted against its answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use rig::delivery::Delivery;
use rig::installation::seed;
use rig::load::{Answer, Load, Source};
use rig::platform::{Platform, Programs};
use rig::postgres::{Making, Server};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio_util::sync::CancellationToken;

/// Connections of the control-plane.
pub(crate) const POOL: u32 = 8;
/// Deliveries under way at the same time.
pub(crate) const LINES: usize = 16;

/// Faults are tried one after the other: promises about time are kept on a machine that does nothing else of ours.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A platform with its database server.
pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) postgres: Server,
    pub(crate) database: String,
    issues: Arc<AtomicU64>,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    pub(crate) async fn begin() -> Result<Self> {
        let alone = ALONE.lock().await;
        let postgres = Server::create(Making::default()).await?;
        let database = postgres.create_database("codexk8s").await?;
        let programs = Programs {
            control_plane: env!("CARGO_BIN_EXE_rig-control-plane").into(),
            gateway: env!("CARGO_BIN_EXE_rig-gateway").into(),
        };
        let platform = Platform::start(&programs, &database, POOL).await?;
        let world = Self { platform, postgres, database, issues: Arc::default(), _alone: alone };
        seed(&world.db().await?).await?;
        Ok(world)
    }

    /// A connection for questions; a new one each time, because the tests break connections.
    pub(crate) async fn db(&self) -> Result<PgPool> {
        Ok(PgPoolOptions::new().max_connections(1).connect(&self.database).await?)
    }

    /// Deliveries named `<name>-<n>` until `stop`, each for an issue of its own.
    pub(crate) fn endless(&self, name: &'static str, stop: &CancellationToken) -> Source {
        let (issues, stop) = (self.issues.clone(), stop.clone());
        Arc::new(move |number| {
            let next = || Delivery::labelled(&format!("{name}-{number}"), issues.fetch_add(1, Ordering::Relaxed) + 1);
            (!stop.is_cancelled()).then(next)
        })
    }

    /// This many deliveries, named `<name>-<n>`.
    pub(crate) fn deliveries(&self, name: &str, count: usize) -> Vec<Delivery> {
        let issue = || self.issues.fetch_add(1, Ordering::Relaxed) + 1;
        (0..count).map(|number| Delivery::labelled(&format!("{name}-{number}"), issue())).collect()
    }

    /// A load on the gateway's public listener.
    pub(crate) fn load(&self, source: Source, lines: usize) -> Load {
        Load { address: self.platform.gateway.address, source, lines }
    }

    /// Sends deliveries through the gateway and waits for all answers.
    pub(crate) async fn send(&self, deliveries: Vec<Delivery>, lines: usize) -> Vec<Answer> {
        self.load(listed(deliveries), lines).run(&watch::Sender::default()).await
    }

    /// Fails unless every acknowledged delivery is a row; answers with the ids of all rows.
    pub(crate) async fn rows(&self, answers: &[Answer]) -> Result<HashSet<String>> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT delivery_guid FROM webhook_deliveries").fetch_all(&self.db().await?).await?;
        let rows: HashSet<_> = rows.into_iter().collect();
        let lost: Vec<_> =
            acknowledged(answers).filter(|answer| !rows.contains(&answer.guid)).map(|answer| &answer.guid).collect();
        ensure!(lost.is_empty(), "{} acknowledged deliveries are lost: {lost:?}", lost.len());
        Ok(rows)
    }

    /// How many rows a statement counts.
    pub(crate) async fn count(&self, sql: &'static str) -> Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.db().await?).await?)
    }

    /// Fails when a process has died that nobody killed.
    pub(crate) fn still_runs(&mut self) -> Result<()> {
        ensure!(self.platform.control_plane.is_alive()?, "the control-plane has ended");
        ensure!(self.platform.gateway.is_alive()?, "the gateway has ended");
        Ok(())
    }
}

/// The answers that promise a row.
pub(crate) fn acknowledged(answers: &[Answer]) -> impl Iterator<Item = &Answer> {
    answers.iter().filter(|answer| answer.is_acknowledged())
}

/// A list as a source.
pub(crate) fn listed(deliveries: Vec<Delivery>) -> Source {
    Arc::new(move |number| deliveries.get(usize::try_from(number).ok()?).cloned())
}
