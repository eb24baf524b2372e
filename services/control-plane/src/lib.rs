//! The control-plane: decides and records. It answers what the gateway forwards and runs no loops; rules are in
//! `domain`, SQL is in `store`, and what is done on GitHub or in the cluster is the worker's; here it is only looked at.
//!
//! * [`internal`]: what the gateway itself asks (webhooks, sessions, run tokens, brokers).
//! * [`run_api`]: what a run's pod reports.
//! * [`staff`]: what people do in the console.

pub mod config;
mod decoy;
mod error;
mod github;
pub mod internal;
mod live;
mod prompt;
mod ready;
pub mod run_api;
pub mod staff;
mod state;
mod wake;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use cluster::Looker;
use contract::assertion::{self, Verifier};
use contract::{Document, Validator};
use runtime::env::Reader;
use runtime::http::{self, Callers};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

pub use config::Config;
pub use error::ApiError;
pub use ready::migrate;
pub use state::App;

/// Bytes of a body that are read: a webhook may have 25 MB, a session 32 MiB, a working tree 64 MiB.
const BODY_LIMIT: usize = 65 * 1024 * 1024;

/// Reads the configuration, then serves until SIGTERM.
///
/// # Errors
/// A bad configuration, or a task that ended early.
pub async fn main() -> anyhow::Result<()> {
    let mut config = Config::read(Reader::from_process())?;
    runtime::redact::set(config.redactor());
    let telemetry = runtime::telemetry::start("control-plane", &config.telemetry)?;
    if std::env::args().nth(1).as_deref() == Some("migrate") {
        return migrate(&config).await;
    }
    config.looker = Looker::in_cluster()?;
    let stop = runtime::shutdown::token()?;
    let listener = TcpListener::bind(config.listen).await?;
    let outcome = run(config, listener, stop).await;
    telemetry.finish().await;
    outcome
}

/// Serves on `listener` until `stop`.
///
/// # Errors
/// A task that ended early.
pub async fn run(config: Config, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let health = runtime::ops::Health::default();
    let app = App::new(&config)?;
    let router = router(app.clone(), &config)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(ready::watch(app.clone(), health.flag("postgres"), health.flag("encryption_key"), stop.clone()));
    tasks.spawn(wake::deliver(app.clone(), stop.clone()));
    tasks.spawn(live::listen(app.clone(), stop.clone()));
    tasks.spawn(runtime::ops::serve(config.ops_listen, health, stop.clone()));
    let serving = stop.clone();
    tasks.spawn(async move {
        http::serve(listener, router, serving).await;
        Ok(())
    });
    runtime::supervise(tasks, stop, http::DRAIN).await
}

/// Everything that the control-plane answers, behind the gateway's assertion and the contracts.
///
/// # Errors
/// When a contract document cannot be compiled.
pub fn router(app: App, config: &Config) -> anyhow::Result<Router> {
    let verifier = Verifier::new(config.assertion_keys.clone(), config.assertion_clock);
    let guarded = |routes: OpenApiRouter<App>, document: &Document| -> anyhow::Result<Router<App>> {
        let validator = Validator::new(document)?.with_body_limit(BODY_LIMIT);
        Ok(validator.guard(routes.split_for_parts().0))
    };
    let router = Router::new()
        .merge(guarded(internal::router(), &Document::internal()?)?)
        .merge(guarded(run_api::router(), &Document::agent()?)?)
        .merge(guarded(staff::router(), &Document::gateway()?)?);
    // The assertion has read the body by then, within our limit; axum's own is 2 MB.
    let router = router.layer(DefaultBodyLimit::disable());
    let router = assertion::guard(router, verifier, BODY_LIMIT).with_state(app);
    Ok(http::observed(router, Callers::Ourselves))
}
