//! The canary listener: answers anybody. An agent's pod that can reach it has an open way out, and the runner then
//! refuses to begin; so it must answer whenever the gateway runs.

use axum::Router;

/// Answers 200 to everything.
pub(crate) fn router() -> Router {
    Router::new().fallback(async || "canary\n")
}
