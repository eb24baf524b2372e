//! The way to the control-plane. Every request is signed for whom it is made, carries the correlation id, and waits a
//! bounded time for the head of the answer; bodies of answers are streamed, so a live stream may last for hours.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use contract::assertion::{self, Caller, Signer};
use contract::problem::Problem;
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use url::Url;

use crate::agents::{ControlPlane, Unreachable};

/// How long a connection to the control-plane may take to open.
const CONNECT: Duration = Duration::from_secs(1);
/// How long the head of an answer may take when the caller has set no shorter time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections that were idle for longer are not used again; shorter than what a server keeps.
const IDLE: Duration = Duration::from_secs(20);
/// Bytes that are read of an answer which is not streamed on.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Why the control-plane did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// It said no, in these words.
    #[error("the control-plane refused: {}", .0.code)]
    Refused(Box<Problem>),
    /// It gave no answer that can be relied on.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

impl AskError {
    /// What the one who asked us is told.
    pub(crate) fn into_problem(self) -> Problem {
        match self {
            Self::Refused(problem) => *problem,
            Self::Unreachable(error) => unavailable(&error),
        }
    }
}

/// 503 for an answer that did not come; why is for the log.
pub(crate) fn unavailable(error: &Unreachable) -> Problem {
    tracing::warn!(%error, "the control-plane gave no answer");
    Problem::unavailable("platform_unavailable", "The platform does not answer right now, nothing was changed")
}

/// A client of the control-plane. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    signer: Signer,
}

impl Client {
    /// A client for the control-plane at `base`; of that address only scheme, host and port count.
    ///
    /// # Errors
    /// The HTTP client cannot be made, for example because the image has no CA certificates.
    pub fn new(base: Url, signer: Signer) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { http, base, signer })
    }

    /// Sends `request`, whose URI is path and query, and waits at most `patience` for the head of the answer.
    pub(crate) async fn send(
        &self,
        caller: Caller,
        request: Request<Bytes>,
        patience: Duration,
    ) -> Result<Response<Body>, Unreachable> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let url = self.address(target)?;
        let token = self.signer.sign(&parts.method, target, &body, &caller).map_err(|error| gone(&error))?;
        let mut headers = parts.headers;
        headers.insert(assertion::HEADER, HeaderValue::try_from(token).map_err(|error| gone(&error))?);
        runtime::correlation::stamp(&mut headers);
        let sent = self.http.request(parts.method, url).headers(headers).body(body).send();
        let answer = timeout(patience, sent).await.map_err(|_| Unreachable("no answer in time".to_owned()))?;
        // The address is internal; the error's text would carry it.
        let answer = answer.map_err(|error| gone(&error.without_url()))?;
        let answer: Response<Body> = Response::<reqwest::Body>::from(answer).map(Body::new);
        if answer.headers().contains_key(assertion::HEADER) {
            // Our clock or our key is wrong. The one who asks has done nothing wrong, and gets nothing.
            return Err(Unreachable("it does not believe our assertions".to_owned()));
        }
        Ok(answer)
    }

    /// Posts JSON and reads JSON.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        caller: Caller,
        path: &str,
        body: &(impl Serialize + Sync),
        patience: Duration,
    ) -> Result<T, AskError> {
        let bytes = self.told(caller, path, body, patience).await?;
        serde_json::from_slice(&bytes).map_err(|_| Unreachable("its answer is not in the contract".to_owned()).into())
    }

    /// Posts JSON and reads nothing.
    pub(crate) async fn tell(
        &self,
        caller: Caller,
        path: &str,
        body: &(impl Serialize + Sync),
        patience: Duration,
    ) -> Result<(), AskError> {
        self.told(caller, path, body, patience).await.map(drop)
    }

    async fn told(
        &self,
        caller: Caller,
        path: &str,
        body: &(impl Serialize + Sync),
        patience: Duration,
    ) -> Result<Bytes, AskError> {
        let bytes = serde_json::to_vec(body).map_err(|error| gone(&error))?;
        let request = Request::post(path).header(CONTENT_TYPE, "application/json").body(bytes.into());
        let answer = self.send(caller, request.map_err(|error| gone(&error))?, patience).await?;
        let status = answer.status();
        let read = timeout(patience, read(answer.into_body())).await;
        let bytes = read.map_err(|_| Unreachable("its answer did not end in time".to_owned()))??;
        if status.is_success() {
            return Ok(bytes);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if status.is_client_error() => Err(AskError::Refused(Box::new(problem))),
            _ => Err(Unreachable(format!("it answered {status}")).into()),
        }
    }

    /// The address of `target` at the control-plane. URLs resolve dot segments, so a target that does not come out as it
    /// went in would reach another route than the one that was checked.
    fn address(&self, target: &str) -> Result<Url, Unreachable> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(query);
        if url[url::Position::BeforePath..] == *target {
            Ok(url)
        } else {
            Err(Unreachable("the address of the request cannot be forwarded as it is".to_owned()))
        }
    }
}

impl ControlPlane for Client {
    fn ask(&self, caller: Caller, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, Unreachable>> {
        Box::pin(self.send(caller, request, PATIENCE))
    }
}

/// A request of somebody else as it may be passed on: method, address, body and the headers that were chosen.
pub(crate) fn passed_on(
    method: Method,
    uri: http::Uri,
    headers: &HeaderMap,
    chosen: &[http::HeaderName],
    body: Bytes,
) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for name in chosen {
        if let Some(value) = headers.get(name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    request
}

/// How long a staff request may wait for the head of its answer.
pub(crate) const STAFF_PATIENCE: Duration = PATIENCE;

/// Reads the body of a bounded answer.
pub(crate) async fn read(body: Body) -> Result<Bytes, Unreachable> {
    match Limited::new(body, ANSWER_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(Unreachable("its answer could not be read".to_owned())),
    }
}

/// Whether an answer means that nothing was done and it can be asked again.
pub(crate) fn is_no_answer(status: StatusCode) -> bool {
    status.is_server_error()
}

fn gone(error: &dyn std::error::Error) -> Unreachable {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    Unreachable(text)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn client(base: &str) -> Client {
        let key = contract::keys::SignatureKey::from_pem(&PEM.into()).unwrap();
        Client::new(base.parse().unwrap(), Signer::new(key, assertion::system_clock)).unwrap()
    }

    #[test]
    fn an_address_is_forwarded_as_it_is_or_not_at_all() {
        let client = client("http://control-plane:8080/ignored");
        for target in ["/a/b?c=d%20e&f", "/a%2fb", "//evil.example/x", "/a?b=http://evil.example"] {
            assert_eq!(client.address(target).unwrap().as_str(), format!("http://control-plane:8080{target}"));
        }
        for target in ["/a/../b", "/a/%2e%2e/b", "/a/./b", "/a/..", "/a\\..\\b", "/a b"] {
            assert!(client.address(target).is_err(), "{target}");
        }
    }

    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n";
}
