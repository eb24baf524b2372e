//! The run API (`openapi/agent.yaml`): checked against its document and passed on to the control-plane in the name of
//! the run. Nothing is decided here.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use contract::problem::Problem;
use contract::{Document, Validator};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::limits::Kind;
use super::token::Run;
use super::{AgentsState, SetupError};

/// A session's snapshot may have this many bytes.
const SESSION_LIMIT: usize = 32 * 1024 * 1024;
/// Anything else that a run reports. A batch of events has its own bound in the document.
const REPORT_LIMIT: usize = 8 * 1024 * 1024;
/// Request headers that mean something to the control-plane.
const KEPT: [HeaderName; 2] = [ACCEPT, CONTENT_TYPE];

/// What a run may do even when it is being stopped.
pub(super) fn saving(document: &Document) -> Result<Router<AgentsState>, SetupError> {
    let routes = Router::new()
        .route("/api/v1/run/events", post(forward))
        .route("/api/v1/run/beat", post(forward))
        .route("/api/v1/run/session", put(forward))
        .route("/api/v1/run/result", post(forward));
    Ok(Validator::new(document)?.with_body_limit(REPORT_LIMIT).guard(routes))
}

/// What a run needs to begin.
pub(super) fn context(document: &Document) -> Result<Router<AgentsState>, SetupError> {
    Ok(Validator::new(document)?.guard(Router::new().route("/api/v1/run/context", get(forward))))
}

async fn forward(State(state): State<AgentsState>, run: Run, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    // A snapshot is held in memory while it is passed on; reports are small.
    let kind = if parts.method == Method::PUT { Kind::Session } else { Kind::Report };
    let _slot = state.limits.take(run.grant.run_id, kind)?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut passed = http::Request::builder().method(&parts.method).uri(target);
    for name in KEPT {
        if let Some(value) = parts.headers.get(&name) {
            passed = passed.header(name, value);
        }
    }
    let request = passed.body(read(body).await?).map_err(|_| Problem::internal())?;
    let answer = state.control.forward(&run.grant, request).await;
    let answer = answer.map_err(|error| super::control::ControlError::from(error).into_problem())?;
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(CONTENT_TYPE) {
        response = response.header(CONTENT_TYPE, kind);
    }
    Ok(response.body(answer.into_body()).map_err(|_| Problem::internal())?.into_response())
}

/// The whole body: the gateway's signature covers it.
async fn read(body: Body) -> Result<bytes::Bytes, Problem> {
    match Limited::new(body, SESSION_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let title = format!("At most {SESSION_LIMIT} bytes are kept");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", title))
        }
        Err(_) => Err(Problem::bad_request("body_cut", "The body ended early")),
    }
}
