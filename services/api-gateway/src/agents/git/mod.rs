//! The git broker: smart HTTP of the run's repository, and of no other.
//!
//! Fetching is passed through with a credential that the control-plane releases for the one request ([`fetch`]).
//! Pushing is received into a disposable clone, judged ([`inspect`], [`decoy`]), and only then pushed on ([`push`]). Git's clients print the
//! body of an error only when it is plain text, so that is how refusals are said here.

mod command;
mod decoy;
mod fetch;
mod hook;
mod inspect;
mod push;

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use contract::internal::{BrokerEventKind, ForgeCredential};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, EXPIRES, PRAGMA};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use super::AgentsState;
use super::token::Run;

const CONNECT: Duration = Duration::from_secs(10);
/// How long the forge may send nothing.
const SILENCE: Duration = Duration::from_secs(120);

/// The client for fetches. It follows no redirect: the credential is for one repository of one host.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()
}

/// The three addresses that git uses.
pub(super) fn router() -> Router<AgentsState> {
    Router::new()
        .route("/git/{owner}/{name}/info/refs", get(advertise))
        .route("/git/{owner}/{name}/git-upload-pack", post(upload_pack))
        .route("/git/{owner}/{name}/git-receive-pack", post(receive_pack))
}

#[derive(Deserialize)]
struct Service {
    service: Option<String>,
}

type Repository = Path<(String, String)>;

async fn advertise(
    State(state): State<AgentsState>,
    run: Run,
    repository: Repository,
    Query(service): Query<Service>,
    request: Request,
) -> Result<Response, GitRefusal> {
    let credential = open(&state, &run, &repository).await?;
    match service.service.as_deref() {
        Some("git-upload-pack") => fetch::advertise(&state, &run, &credential, request.headers()).await,
        Some("git-receive-pack") => {
            may_push(&run)?;
            push::advertise(&credential).await
        }
        _ => Err(GitRefusal::new(StatusCode::FORBIDDEN, "only the smart protocol is served")),
    }
}

async fn upload_pack(
    State(state): State<AgentsState>,
    run: Run,
    repository: Repository,
    request: Request,
) -> Result<Response, GitRefusal> {
    let credential = open(&state, &run, &repository).await?;
    fetch::upload_pack(&state, &run, &credential, request).await
}

async fn receive_pack(
    State(state): State<AgentsState>,
    run: Run,
    repository: Repository,
    request: Request,
) -> Result<Response, GitRefusal> {
    allowed(&state, &run, &repository)?;
    may_push(&run)?;
    push::receive_pack(&state, &run, request).await
}

/// A run that may change no file has nothing to push, not even an empty commit.
fn may_push(run: &Run) -> Result<(), GitRefusal> {
    if run.grant.may_write.is_empty() {
        let words = "a review changes nothing; say in its findings what is to be changed";
        return Err(GitRefusal::new(StatusCode::FORBIDDEN, words));
    }
    Ok(())
}

/// The credential for one request, when it is about the run's repository.
async fn open(state: &AgentsState, run: &Run, repository: &Repository) -> Result<ForgeCredential, GitRefusal> {
    allowed(state, run, repository)?;
    credential(state, run).await
}

fn allowed(state: &AgentsState, run: &Run, Path((owner, name)): &Repository) -> Result<(), GitRefusal> {
    let asked = format!("{owner}/{}", name.strip_suffix(".git").unwrap_or(name));
    if asked.eq_ignore_ascii_case(&run.grant.repository) {
        return Ok(());
    }
    let asked: String = asked.chars().take(200).flat_map(char::escape_debug).collect();
    let reason = format!("this run works on {} alone", run.grant.repository);
    let data = [("repository", asked.into()), ("reason", reason.clone().into())];
    state.events.record(&run.grant, BrokerEventKind::GitRefused, data);
    Err(GitRefusal::new(StatusCode::FORBIDDEN, reason))
}

async fn credential(state: &AgentsState, run: &Run) -> Result<ForgeCredential, GitRefusal> {
    let released = state.control.credential(&run.grant).await;
    released.map_err(|error| {
        let problem = error.into_problem();
        GitRefusal::new(problem.status_code(), problem.title)
    })
}

/// A refusal that git's clients print after `remote:`.
#[derive(Debug)]
struct GitRefusal {
    status: StatusCode,
    words: String,
}

impl GitRefusal {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }

    /// Something of ours failed; the reason is for the log.
    fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a brokered git request failed");
        Self::new(StatusCode::BAD_GATEWAY, "the platform could not do this; try again")
    }
}

impl IntoResponse for GitRefusal {
    fn into_response(self) -> Response {
        // Git would ask the pod for a password after a 401 of the forge's, where the pod has none to give.
        let status = if self.status == StatusCode::UNAUTHORIZED { StatusCode::FORBIDDEN } else { self.status };
        let mut response = (status, format!("{}\n", self.words)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}

/// An answer in git's own format, which nothing on the way may keep.
fn git_answer(kind: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0, must-revalidate"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(EXPIRES, HeaderValue::from_static("Fri, 01 Jan 1980 00:00:00 GMT"));
    response
}
