//! The ops listener: is the process alive, is it ready (and what is missing), and what does it count. It is never
//! reachable from outside the platform's namespace and says nothing about people or runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::telemetry;

/// How often histograms are folded, so that they do not grow while nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// What has to be true before a process takes traffic: named flags, each set by the task that knows. A process without
/// flags is ready at once.
#[derive(Debug, Clone, Default)]
pub struct Health {
    flags: Arc<RwLock<BTreeMap<&'static str, bool>>>,
}

/// One readiness condition; it starts as not met.
#[derive(Debug, Clone)]
pub struct Flag {
    name: &'static str,
    health: Health,
}

impl Health {
    /// Adds a condition, for example `postgres`. The same name again gives the same condition.
    #[must_use]
    pub fn flag(&self, name: &'static str) -> Flag {
        self.flags.write().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert(false);
        Flag { name, health: self.clone() }
    }

    /// The names of the conditions that are not met.
    #[must_use]
    pub fn not_ready(&self) -> Vec<&'static str> {
        let flags = self.flags.read().unwrap_or_else(PoisonError::into_inner);
        flags.iter().filter(|(_, met)| !**met).map(|(name, _)| *name).collect()
    }
}

impl Flag {
    /// Says whether the condition is met now. Changes are logged.
    pub fn set(&self, met: bool) {
        let before = self.health.flags.write().unwrap_or_else(PoisonError::into_inner).insert(self.name, met);
        if before != Some(met) {
            tracing::info!(condition = self.name, met, "readiness changed");
        }
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` until the stop.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(address: SocketAddr, health: Health, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let upkeep = async {
        loop {
            tokio::time::sleep(UPKEEP).await;
            if let Some(metrics) = telemetry::recorder() {
                metrics.run_upkeep();
            }
        }
    };
    let router = router(health, stop.clone());
    tokio::select! {
        () = crate::http::serve(listener, router, stop) => {}
        () = upkeep => {}
    }
    Ok(())
}

fn router(health: Health, stop: CancellationToken) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "alive" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state((health, stop))
}

async fn ready(State((health, stop)): State<(Health, CancellationToken)>) -> Response {
    let mut missing = health.not_ready();
    if stop.is_cancelled() {
        missing.push("stopping");
    }
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(serde_json::json!({ "ready": missing.is_empty(), "not_ready": missing }))).into_response()
}

async fn metrics() -> Response {
    match telemetry::recorder() {
        Some(metrics) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
        }
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let answer = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        (status, String::from_utf8(to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing() {
        let (health, stop) = (Health::default(), CancellationToken::new());
        let (postgres, _schema) = (health.flag("postgres"), health.flag("schema"));
        let router = router(health.clone(), stop.clone());
        postgres.set(true);
        let (status, body) = ask(&router, "/readyz").await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, r#"{"not_ready":["schema"],"ready":false}"#)
        );
        health.flag("schema").set(true);
        assert_eq!(ask(&router, "/readyz").await.0, StatusCode::OK);
        stop.cancel();
        assert!(ask(&router, "/readyz").await.1.contains("stopping"));
        assert_eq!(ask(&router, "/healthz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn histograms_have_buckets() {
        telemetry::recorder().unwrap();
        metrics::histogram!("test_seconds").record(0.003);
        let (_, body) = ask(&router(Health::default(), CancellationToken::new()), "/metrics").await;
        assert!(body.contains("test_seconds_bucket{le=\"0.005\"} 1"), "{body}");
    }
}
