//! Clone and fetch: passed through to the forge as they come, with the released credential put on.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use contract::internal::ForgeCredential;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, StatusCode};
use http_body_util::{BodyExt, Limited};

use super::super::AgentsState;
use super::super::limits::{Kind, Slot};
use super::super::token::Run;
use super::{GitRefusal, git_answer};

/// What a client may say about what it has; large repositories need a few hundred kilobytes.
const REQUEST_LIMIT: usize = 16 * 1024 * 1024;
/// Headers that belong to the protocol. Anything else a client sends stays here.
const PASSED: [HeaderName; 4] = [ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName::from_static("git-protocol")];

/// The refs that can be fetched.
pub(super) async fn advertise(
    state: &AgentsState,
    run: &Run,
    credential: &ForgeCredential,
    headers: &HeaderMap,
) -> Result<Response, GitRefusal> {
    let url = format!("{}/info/refs?service=git-upload-pack", credential.git_url);
    let slot = slot(state, run)?;
    let request = with_headers(state.clients.forge.get(url), credential, headers);
    pass(request, "application/x-git-upload-pack-advertisement", slot).await
}

/// The objects themselves.
pub(super) async fn upload_pack(
    state: &AgentsState,
    run: &Run,
    credential: &ForgeCredential,
    request: Request,
) -> Result<Response, GitRefusal> {
    let url = format!("{}/git-upload-pack", credential.git_url);
    let slot = slot(state, run)?;
    let (parts, body) = request.into_parts();
    let body = Body::new(Limited::new(body, REQUEST_LIMIT)).into_data_stream();
    let request = with_headers(state.clients.forge.post(url), credential, &parts.headers);
    pass(request.body(reqwest::Body::wrap_stream(body)), "application/x-git-upload-pack-result", slot).await
}

fn slot(state: &AgentsState, run: &Run) -> Result<Slot, GitRefusal> {
    let slot = state.limits.take(run.grant.run_id, Kind::Fetch);
    slot.map_err(|problem| GitRefusal::new(StatusCode::TOO_MANY_REQUESTS, problem.title))
}

fn with_headers(
    mut request: reqwest::RequestBuilder,
    credential: &ForgeCredential,
    headers: &HeaderMap,
) -> reqwest::RequestBuilder {
    for name in PASSED {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    request.basic_auth(&credential.username, Some(credential.token.expose()))
}

async fn pass(request: reqwest::RequestBuilder, kind: &'static str, slot: Slot) -> Result<Response, GitRefusal> {
    let upstream = request.send().await.map_err(|error| GitRefusal::failed(&error.without_url()))?;
    match upstream.status() {
        StatusCode::OK => {
            metrics::counter!("codexk8s_fetches_total").increment(1);
            let body = Body::new(reqwest::Body::from(upstream).map_frame(move |frame| {
                let _open = &slot;
                frame
            }));
            Ok(git_answer(kind, body))
        }
        StatusCode::NOT_FOUND => Err(GitRefusal::new(StatusCode::NOT_FOUND, "the forge does not know this repository")),
        status => {
            tracing::warn!(%status, "the forge refused a fetch");
            Err(GitRefusal::new(StatusCode::BAD_GATEWAY, format!("the forge answered {status}")))
        }
    }
}
