//! The run token: who a request belongs to, and how long that stays true.
//!
//! The control-plane is asked about every token; its answer is kept for [`FRESH`] under the token's hash. A request
//! that is answered slowly (a model stream, a clone, a tunnel) keeps a [`Lease`]: the token is asked about again while
//! it lasts, and it is cut when the answer is no, or when there has been none for [`BLIND`].

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use contract::internal::{RunGrant, RunGrantServes};
use contract::problem::Problem;
use http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::{Frame, SizeHint};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use vault::{Decoy, Lookout};

use super::AgentsState;
use super::control::{Control, ControlError};
use super::decoy::Tripped;

/// How every run token begins.
const PREFIX: &str = "cxr_";
/// How long an answer about a token serves new requests.
const FRESH: Duration = Duration::from_secs(2);
/// How often the token of something that is open is asked about again.
const RECHECK: Duration = Duration::from_secs(2);
/// How long something stays open without an answer.
const BLIND: Duration = Duration::from_secs(5);
/// Hashes that are remembered before old ones are swept.
const REMEMBERED: usize = 4096;

/// What a route asks of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// A token that serves everything.
    Everything,
    /// Also one of a run that is being stopped: it may save what it has.
    Saving,
}

impl Needs {
    fn met_by(self, grant: &RunGrant) -> bool {
        self == Self::Saving || grant.serves == RunGrantServes::All
    }
}

/// Why a token opens nothing.
#[derive(Debug, Clone)]
pub(super) enum Denied {
    /// The answer was no.
    Refused(Problem),
    /// There was no answer.
    Unanswered,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(problem) => problem,
            Denied::Unanswered => {
                Self::unavailable("platform_unavailable", "The run token cannot be checked right now")
            }
        }
    }
}

/// An authenticated run; handlers take it as an extractor.
#[derive(Clone)]
pub(super) struct Run {
    /// What the token reaches.
    pub(super) grant: Arc<RunGrant>,
    /// Finds the run's decoy.
    pub(super) lookout: Lookout,
    token: Arc<SecretString>,
}

/// What a good token reaches, and what must not be in what comes with it.
type Reach = (Arc<RunGrant>, Lookout);

/// A verdict and the moment when it was asked for.
struct Known {
    asked: Instant,
    verdict: Result<Reach, Denied>,
}

type Entry = Arc<tokio::sync::Mutex<Option<Known>>>;

/// Verdicts about tokens.
pub(super) struct Grants {
    control: Control,
    tripped: Tripped,
    entries: Mutex<HashMap<[u8; 32], Entry>>,
}

impl Grants {
    pub(super) fn new(control: Control, tripped: Tripped) -> Self {
        Self { control, tripped, entries: Mutex::default() }
    }

    /// Who the bearer of these headers is.
    pub(super) async fn authenticate(&self, headers: &HeaderMap, header: HeaderName) -> Result<Run, Denied> {
        let (user, token) = credentials(headers, header).ok_or_else(refused)?;
        let (verdict, _) = self.ask(&token, FRESH).await;
        let (grant, lookout) = verdict?;
        if user.is_some_and(|user| user != grant.run_id.to_string()) {
            return Err(refused());
        }
        Ok(Run { grant, lookout, token: Arc::new(token) })
    }

    /// The verdict about a token and when it was asked for. No run is served whose decoy was seen here, also when the
    /// control-plane has not heard of it yet.
    async fn ask(&self, token: &SecretString, fresh: Duration) -> (Result<Reach, Denied>, Instant) {
        let (verdict, asked) = self.answer(token, fresh).await;
        let verdict =
            verdict.and_then(|reach| if self.tripped.holds(reach.0.run_id) { Err(refused()) } else { Ok(reach) });
        (verdict, asked)
    }

    /// What the control-plane says. Callers who wait together share one question.
    async fn answer(&self, token: &SecretString, fresh: Duration) -> (Result<Reach, Denied>, Instant) {
        let arrived = Instant::now();
        let entry = self.entry(token);
        let mut known = entry.lock().await;
        let stays = |known: &&mut Known| match known.verdict {
            Err(Denied::Unanswered) => known.asked >= arrived,
            _ => known.asked + fresh >= arrived,
        };
        if let Some(known) = known.as_mut().filter(stays) {
            return (known.verdict.clone(), known.asked);
        }
        let asked = Instant::now();
        let verdict = match self.control.verify(token).await {
            Ok(grant) if grant.expires_at <= chrono::Utc::now() => Err(refused()),
            Ok(grant) => reach(grant),
            Err(ControlError::Refused(problem)) if problem.status_code() == StatusCode::UNAUTHORIZED => Err(refused()),
            Err(error) => {
                tracing::warn!(%error, "a run token could not be checked");
                Err(Denied::Unanswered)
            }
        };
        *known = Some(Known { asked, verdict: verdict.clone() });
        (verdict, asked)
    }

    /// The control-plane does not know the run any more: what it said about the token before is not true.
    pub(super) async fn forget(&self, run: &Run) {
        *self.entry(&run.token).lock().await = None;
    }

    fn entry(&self, token: &SecretString) -> Entry {
        let hash = Sha256::digest(token.expose_secret().as_bytes()).into();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= REMEMBERED {
            let old = |entry: &Entry| {
                entry.try_lock().is_ok_and(|known| known.as_ref().is_none_or(|known| known.asked.elapsed() > BLIND))
            };
            entries.retain(|_, entry| !old(entry));
        }
        entries.entry(hash).or_default().clone()
    }

    /// Watches the run's token while something of it is open: `still` says whether what the token reaches covers it.
    pub(super) fn lease(self: &Arc<Self>, run: &Run, still: impl Fn(&RunGrant) -> bool + Send + 'static) -> Lease {
        let (cut, done) = (CancellationToken::new(), CancellationToken::new());
        let watching = watch(self.clone(), run.token.clone(), still, cut.clone());
        let ended = done.clone();
        tokio::spawn(async move { ended.run_until_cancelled(watching).await });
        Lease { cut, _done: Arc::new(done.drop_guard()) }
    }
}

async fn watch(
    grants: Arc<Grants>,
    token: Arc<SecretString>,
    still: impl Fn(&RunGrant) -> bool,
    cut: CancellationToken,
) {
    let mut last_yes = Instant::now();
    loop {
        let again = async {
            sleep(RECHECK).await;
            grants.ask(&token, RECHECK / 4).await
        };
        match timeout_at(last_yes + BLIND, again).await {
            Ok((Ok((grant, _)), asked)) if still(&grant) => last_yes = asked,
            Ok((Err(Denied::Unanswered), _)) => {}
            Ok(_) | Err(_) => return cut.cancel(),
        }
    }
}

/// Holds while the token is good. Dropping it ends the watch.
#[derive(Clone)]
pub(super) struct Lease {
    cut: CancellationToken,
    _done: Arc<DropGuard>,
}

impl Lease {
    /// Completes when whatever holds the lease has to end.
    pub(super) async fn lost(&self) {
        self.cut.cancelled().await;
    }
}

fn reach(grant: RunGrant) -> Result<Reach, Denied> {
    // What cannot be looked for cannot be let through.
    let decoy = Decoy::parse(grant.decoy.expose()).ok_or(Denied::Unanswered)?;
    Ok((Arc::new(grant), decoy.lookout()))
}

pub(super) fn refused() -> Denied {
    Denied::Refused(Problem::unauthorized("token_refused", "The run token is missing, unknown, or no longer valid"))
}

/// The token of a request: bearer, basic (the run's id is the user), or bare as cargo sends it.
fn credentials(headers: &HeaderMap, header: HeaderName) -> Option<(Option<String>, SecretString)> {
    let value = headers.get(header)?.to_str().ok()?.trim();
    let (user, token) = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => (None, token.trim().to_owned()),
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            let pair = String::from_utf8(BASE64_STANDARD.decode(pair.trim()).ok()?).ok()?;
            let (user, token) = pair.split_once(':')?;
            (Some(user.to_owned()), token.to_owned())
        }
        Some(_) => return None,
        None => (None, value.to_owned()),
    };
    (token.starts_with(PREFIX) && token.len() <= 200).then(|| (user, token.into()))
}

/// Lets a request in when its token is good for the route, and cuts its answer when that ends.
pub(super) async fn admit(
    State((state, needs)): State<(AgentsState, Needs)>,
    request: Request,
    next: Next,
) -> Response {
    let run = match state.grants.authenticate(request.headers(), AUTHORIZATION).await {
        Ok(run) => run,
        Err(denied) => return challenge(denied),
    };
    if !needs.met_by(&run.grant) {
        return Problem::forbidden("run_ending", "The run is ending; only saving its work is served").into_response();
    }
    let (parts, body) = request.into_parts();
    if let Err(denied) = state.decoys.pass_head(&run, &parts) {
        return challenge(denied);
    }
    let mut request = Request::from_parts(parts, body);
    let lease = state.grants.lease(&run, move |grant| needs.met_by(grant));
    request.extensions_mut().insert(run);
    tokio::select! {
        response = next.run(request) => response.map(|body| Body::new(Watched::new(body, lease))),
        () = lease.lost() => challenge(refused()),
    }
}

/// Git and package managers send what they have only when they are asked for it.
fn challenge(denied: Denied) -> Response {
    let asks = matches!(denied, Denied::Refused(_));
    let mut response = Problem::from(denied).into_response();
    if asks {
        let basic = HeaderValue::from_static("Basic realm=\"run\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, basic);
    }
    response
}

impl<S: Sync> FromRequestParts<S> for Run {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::from(refused()))
    }
}

/// A body that ends with an error when its lease is lost.
struct Watched {
    body: Body,
    lost: Pin<Box<WaitForCancellationFutureOwned>>,
    _lease: Lease,
}

impl Watched {
    fn new(body: Body, lease: Lease) -> Self {
        Self { body, lost: Box::pin(lease.cut.clone().cancelled_owned()), _lease: lease }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the run token is no longer valid")]
struct Cut;

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.lost.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(Cut))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_token_is_read() {
        let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
        let table = [
            ("Bearer cxr_abc".to_owned(), Some((None, "cxr_abc"))),
            ("bearer  cxr_abc".to_owned(), Some((None, "cxr_abc"))),
            ("cxr_abc".to_owned(), Some((None, "cxr_abc"))),
            (basic("run-1:cxr_abc"), Some((Some("run-1"), "cxr_abc"))),
            (basic("cxr_abc"), None),
            ("Basic !".to_owned(), None),
            ("Digest cxr_abc".to_owned(), None),
            ("Bearer ghp_abc".to_owned(), None),
            (format!("Bearer cxr_{}", "a".repeat(200)), None),
        ];
        for (value, expected) in table {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())]);
            let found = credentials(&headers, AUTHORIZATION);
            let found = found.as_ref().map(|(user, token)| (user.as_deref(), token.expose_secret()));
            assert_eq!(found, expected, "{value}");
        }
        assert!(credentials(&HeaderMap::new(), AUTHORIZATION).is_none());
    }
}
