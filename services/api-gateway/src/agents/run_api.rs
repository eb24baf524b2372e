//! The run API and the agent's tools (`openapi/agent.yaml`): checked against the document and passed on to the
//! control-plane in the name of the run. Nothing is decided here.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use contract::problem::Problem;
use contract::{Document, Validator};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, StatusCode};
use serde_json::Value;

use super::decoy::Place;
use super::limits::Kind;
use super::token::Run;
use super::{AgentsState, SetupError};
use crate::bodies::{BodyBounds, Cut};

/// A session's snapshot may have this many bytes.
const SESSION_LIMIT: usize = 32 * 1024 * 1024;
/// The bundle of a working tree.
const WORKTREE_LIMIT: usize = 64 * 1024 * 1024;
/// Anything else that a run reports. A batch of events has its own bound in the document.
const REPORT_LIMIT: usize = 8 * 1024 * 1024;
/// What bodies of all runs may hold together. The control-plane holds several times as much while it seals them.
const MEMORY: usize = 128 * 1024 * 1024;
/// As long as the runner waits for its answer.
const BODY_TIME: Duration = Duration::from_secs(30);
/// A message to the tools.
const TOOL_LIMIT: usize = 256 * 1024;
const TOOLS: &str = "/mcp";
const SESSION: &str = "/api/v1/run/session";
const WORKTREE: &str = "/api/v1/run/worktree";
/// Request headers that mean something to the control-plane.
const KEPT: [HeaderName; 5] = [
    ACCEPT,
    CONTENT_TYPE,
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
];

/// Bounds on what runs send; how large one body may be is another matter for each route.
pub(super) fn bodies() -> BodyBounds {
    BodyBounds::new(REPORT_LIMIT, BODY_TIME, MEMORY)
}

/// What a run may do even when it is being stopped.
pub(super) fn saving(document: &Document) -> Result<Router<AgentsState>, SetupError> {
    let routes = Router::new()
        .route("/api/v1/run/events", post(forward))
        .route("/api/v1/run/beat", post(forward))
        .route(SESSION, put(forward))
        .route(WORKTREE, put(forward))
        .route("/api/v1/run/result", post(forward));
    Ok(Validator::new(document)?.with_body_limit(REPORT_LIMIT).guard(routes))
}

/// What a run needs to begin.
pub(super) fn beginning(document: &Document) -> Result<Router<AgentsState>, SetupError> {
    let routes = Router::new()
        .route("/api/v1/run/context", get(forward))
        .route(SESSION, get(forward))
        .route(WORKTREE, get(forward));
    Ok(Validator::new(document)?.guard(routes))
}

/// What the agent acts through.
pub(super) fn tools(document: &Document) -> Result<Router<AgentsState>, SetupError> {
    Ok(Validator::new(document)?.with_body_limit(TOOL_LIMIT).guard(Router::new().route(TOOLS, post(forward))))
}

/// What a request counts as, and how many bytes its body may have.
fn bounds_of(path: &str) -> (Kind, usize) {
    match path {
        SESSION => (Kind::Session, SESSION_LIMIT),
        WORKTREE => (Kind::Session, WORKTREE_LIMIT),
        TOOLS => (Kind::Tool, TOOL_LIMIT),
        _ => (Kind::Report, REPORT_LIMIT),
    }
}

/// Where a run's decoy is found when it is in such a body. Events are looked through where the control-plane puts them
/// together; snapshots stay inside, sealed.
fn place_of(path: &str) -> Option<Place> {
    match path {
        TOOLS => Some(Place::Tool),
        "/api/v1/run/result" => Some(Place::Result),
        "/api/v1/run/beat" => Some(Place::Output),
        _ => None,
    }
}

/// The tool that a message calls, as far as it says.
fn tool_called(message: &[u8]) -> String {
    let message: Value = serde_json::from_slice(message).unwrap_or_default();
    message["params"]["name"].as_str().unwrap_or_default().to_owned()
}

async fn forward(State(state): State<AgentsState>, run: Run, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (kind, most) = bounds_of(parts.uri.path());
    if kind == Kind::Tool {
        state.limits.call(run.grant.run_id)?;
    }
    let _slot = state.limits.take(run.grant.run_id, kind)?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut passed = http::Request::builder().method(&parts.method).uri(target);
    for name in KEPT {
        if let Some(value) = parts.headers.get(&name) {
            passed = passed.header(name, value);
        }
    }
    // The gateway's signature covers the whole body, so it is held while it is passed on.
    let held = state.bodies.sized(most).read(&parts.headers, body).await.map_err(|cut| refused(cut, most))?;
    if let Some(place) = place_of(parts.uri.path()) {
        state.decoys.pass(&run, place, &held.bytes, tool_called)?;
    }
    let request = passed.body(held.bytes.clone()).map_err(|_| Problem::internal())?;
    let answer = state.control.forward(&run.grant, request).await;
    let answer = answer.map_err(|error| super::control::ControlError::from(error).into_problem())?;
    if answer.status() == StatusCode::UNAUTHORIZED {
        state.grants.forget(&run).await;
    }
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(CONTENT_TYPE) {
        response = response.header(CONTENT_TYPE, kind);
    }
    Ok(response.body(answer.into_body()).map_err(|_| Problem::internal())?.into_response())
}

fn refused(cut: Cut, most: usize) -> Problem {
    match cut {
        Cut::TooLarge => {
            let title = format!("At most {most} bytes are kept");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", title)
        }
        Cut::TooSlow => Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body did not come in time"),
        Cut::Full => Problem::unavailable("overloaded", "Too much is being kept at once; nothing was stored"),
        Cut::Broken => Problem::bad_request("body_cut", "The body ended early"),
    }
}
