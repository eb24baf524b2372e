//! The run API and the agent's tools (`openapi/agent.yaml`): checked against the document and passed on to the
//! control-plane in the name of the run. Nothing is decided here.

use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use contract::Validator;
use contract::problem::Problem;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, StatusCode};
use serde_json::Value;

use super::decoy::Place;
use super::limits::Kind;
use super::token::Run;
use super::{AgentsState, SetupError};
use crate::bodies::BodyBounds;

/// A session's snapshot may have this many bytes.
const SESSION_LIMIT: usize = 32 * 1024 * 1024;
/// The bundle of a working tree.
const WORKTREE_LIMIT: usize = 64 * 1024 * 1024;
/// Anything else that a run reports. A batch of events has its own bound in the document.
const REPORT_LIMIT: usize = 8 * 1024 * 1024;
/// What bodies of all runs may hold together. The control-plane holds several times as much while it seals them.
const MEMORY: usize = 128 * 1024 * 1024;
const FULL: &str = "Too much is being kept at once; nothing was stored";
/// As long as the runner waits for its answer.
pub(super) const BODY_TIME: Duration = Duration::from_secs(30);
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
pub(super) fn saving(state: &AgentsState) -> Result<Router<AgentsState>, SetupError> {
    let routes = Router::new()
        .route("/api/v1/run/events", post(forward))
        .route("/api/v1/run/beat", post(forward))
        .route(SESSION, put(forward))
        .route(WORKTREE, put(forward))
        .route("/api/v1/run/result", post(forward));
    checked(state, routes, REPORT_LIMIT)
}

/// What a run needs to begin.
pub(super) fn beginning(state: &AgentsState) -> Result<Router<AgentsState>, SetupError> {
    let routes = Router::new()
        .route("/api/v1/run/context", get(forward))
        .route(SESSION, get(forward))
        .route(WORKTREE, get(forward));
    checked(state, routes, REPORT_LIMIT)
}

/// What the agent acts through.
pub(super) fn tools(state: &AgentsState) -> Result<Router<AgentsState>, SetupError> {
    checked(state, Router::new().route(TOOLS, post(forward)), TOOL_LIMIT)
}

/// Routes behind the check against the document, and that behind the bounds: what is read and parsed is counted by then.
fn checked(state: &AgentsState, routes: Router<AgentsState>, most: usize) -> Result<Router<AgentsState>, SetupError> {
    let routes = Validator::new(&state.document)?.with_body_limit(most).guard(routes);
    Ok(routes.route_layer(from_fn_with_state(state.clone(), hold)))
}

/// Takes a place of the run's and reads the body, within the bounds of its route.
async fn hold(State(state): State<AgentsState>, run: Run, request: Request, next: Next) -> Result<Response, Problem> {
    let (kind, most) = bounds_of(request.uri().path());
    if kind == Kind::Tool {
        state.limits.call(run.grant.run_id)?;
    }
    let _slot = state.limits.take(run.grant.run_id, kind)?;
    let answered = state.bodies.sized(most).hold(request, next).await;
    answered.map_err(|cut| cut.into_problem(format!("At most {most} bytes are kept"), FULL))
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
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut passed = http::Request::builder().method(&parts.method).uri(target);
    for name in KEPT {
        if let Some(value) = parts.headers.get(&name) {
            passed = passed.header(name, value);
        }
    }
    // The gateway's signature covers the whole body, which is held already; this only takes it out.
    let bytes =
        to_bytes(body, usize::MAX).await.map_err(|_| Problem::bad_request("body_cut", "The body ended early"))?;
    if let Some(place) = place_of(parts.uri.path()) {
        state.decoys.pass(&run, place, &bytes, tool_called)?;
    }
    let request = passed.body(bytes).map_err(|_| Problem::internal())?;
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
