//! The gateway: the only door of the platform. It verifies who is asking, holds requests to the contract and to limits,
//! signs for whom it asks and forwards; on the way out it adds the credentials that pods lack. No SQL, no business rule.
//!
//! Five listeners, one module each: [`public`] for people and GitHub, [`agents`] for pods, [`integrations`] for services
//! of others inside the cluster, a canary that answers anybody, and ops for health and metrics.
#![deny(missing_docs)]

pub mod agents;
mod bodies;
mod canary;
pub mod config;
pub mod forward;
pub mod integrations;
pub mod public;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use runtime::http::Callers;
use runtime::ops::Health;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use agents::AgentsState;
pub use config::Config;
use forward::Client;
use public::PublicState;

/// How long everything may take to end after the stop.
const GRACE: Duration = Duration::from_secs(9);

/// A gateway whose listeners are bound, but not served yet.
pub struct Gateway {
    public: (TcpListener, Router),
    agents: (TcpListener, AgentsState),
    canary: TcpListener,
    integrations: (TcpListener, Router),
    ops: SocketAddr,
    closing: CancellationToken,
}

impl Gateway {
    /// Puts everything together and binds the listeners (the ops listener is bound when it is served).
    ///
    /// # Errors
    /// A part cannot be set up, or an address is taken.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let public = bound(config.listen.public).await?;
        Self::bind_beside(public, config).await
    }

    /// The same for a process that has the public listener already: its address may be needed to write the configuration.
    ///
    /// # Errors
    /// A part cannot be set up, or another address is taken.
    pub async fn bind_beside(listener: TcpListener, config: Config) -> anyhow::Result<Self> {
        let control = Client::new(config.control_plane, config.signer).context("no client for the control-plane")?;
        let agents = AgentsState::new(config.agents, Arc::new(control.clone()))?;
        let integrations = integrations::router(control.clone())?;
        let closing = CancellationToken::new();
        let public = public::router(&PublicState::new(config.public, control, closing.clone())?)?;
        Ok(Self {
            public: (listener, public),
            agents: (bound(config.listen.agents).await?, agents),
            canary: bound(config.listen.canary).await?,
            integrations: (bound(config.listen.integrations).await?, integrations),
            ops: config.listen.ops,
            closing,
        })
    }

    /// Where the public listener is bound.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn public_address(&self) -> std::io::Result<SocketAddr> {
        self.public.0.local_addr()
    }

    /// Where the agents listener is bound.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn agents_address(&self) -> std::io::Result<SocketAddr> {
        self.agents.0.local_addr()
    }

    /// Where the integrations listener is bound.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn integrations_address(&self) -> std::io::Result<SocketAddr> {
        self.integrations.0.local_addr()
    }

    /// Where the canary listener is bound.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn canary_address(&self) -> std::io::Result<SocketAddr> {
        self.canary.local_addr()
    }

    /// Serves until `stop`, then lets what is under way end.
    ///
    /// # Errors
    /// A listener ended before the stop, or something did not end after it.
    pub async fn serve(self, stop: CancellationToken) -> anyhow::Result<()> {
        // Whichever way this ends, nobody waits for a stream that has no end.
        let closing = self.closing.clone().drop_guard();
        let stopped = stop.clone();
        let (health, mut tasks) = (Health::default(), JoinSet::new());
        let listening = health.flag("listeners");
        let (listener, router) = self.public;
        let router = runtime::http::observed(router, Callers::Anybody);
        tasks.spawn(http(listener, router, stop.clone()));
        tasks.spawn(http(self.canary, canary::router(), stop.clone()));
        let (listener, router) = self.integrations;
        tasks.spawn(http(listener, runtime::http::observed(router, Callers::Anybody), stop.clone()));
        let ((listener, state), agents_stop) = (self.agents, stop.clone());
        tasks.spawn(async move { Ok(agents::serve(listener, state, agents_stop).await?) });
        tasks.spawn(runtime::ops::serve(self.ops, health, stop.clone()));
        tasks.spawn(async move {
            stopped.cancelled().await;
            drop(closing);
            Ok(())
        });
        listening.set(true);
        runtime::supervise(tasks, stop, GRACE).await
    }
}

/// The whole process: configuration, telemetry, listeners, until SIGTERM.
///
/// # Errors
/// Bad configuration, an address that is taken, or a part that ended early.
pub async fn run() -> anyhow::Result<()> {
    let config = Config::read(runtime::env::Reader::from_process())?;
    let redactor = vault::Redactor::new(config.secrets.iter().map(ExposeSecret::expose_secret));
    runtime::redact::set(Box::new(move |text| redactor.redact(text).into_owned()));
    let telemetry = runtime::telemetry::start("api-gateway", &config.telemetry)?;
    let stop = runtime::shutdown::token()?;
    let ended = async { Gateway::bind(config).await?.serve(stop).await }.await;
    telemetry.finish().await;
    ended
}

async fn http(listener: TcpListener, router: Router, stop: CancellationToken) -> anyhow::Result<()> {
    runtime::http::serve(listener, router, stop).await;
    Ok(())
}

async fn bound(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}
