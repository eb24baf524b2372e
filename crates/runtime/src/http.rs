//! An HTTP server that drains, and the layers that every listener of ours has.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::{HeaderName, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::{SetSensitiveRequestHeadersLayer, SetSensitiveResponseHeadersLayer};
use tracing::Instrument;

use crate::correlation::{self, Correlation};

/// How long requests may go on after the stop; the process as a whole has 10 s.
pub const DRAIN: Duration = Duration::from_secs(8);

/// How long a client may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

const RETRY_ACCEPT: Duration = Duration::from_millis(100);

/// Who calls a listener, and so whether a correlation id is taken over from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Only processes of ours: their correlation id and trace go on here.
    Ourselves,
    /// Anybody: every request gets an id of its own.
    Anybody,
}

/// Adds what every listener has: a correlation id (as extension, in the answer and in the log span), one log line and
/// one measurement per request (by route template, never by path: a path can hold a secret), credentials marked as
/// sensitive for whoever prints headers, and a 500 in place of a panic. Call it last, on the complete router.
pub fn observed(router: Router, callers: Callers) -> Router {
    let secret = [
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        HeaderName::from_static("x-codexk8s-assertion"),
    ];
    router
        .layer(CatchPanicLayer::new())
        .layer(from_fn(move |request, next| observe(callers, request, next)))
        .layer(SetSensitiveRequestHeadersLayer::new(secret.clone()))
        .layer(SetSensitiveResponseHeadersLayer::new(secret))
}

async fn observe(callers: Callers, mut request: Request, next: Next) -> Response {
    let ours = callers == Callers::Ourselves;
    let brought = ours.then(|| Correlation::brought(request.headers())).flatten();
    let correlation = brought.unwrap_or_else(Correlation::fresh);
    let route =
        request.extensions().get::<MatchedPath>().map_or("unmatched".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let span = tracing::info_span!("request", %method, route, correlation_id = %correlation.id());
    if ours {
        correlation::adopt_trace(&span, request.headers());
    }
    request.extensions_mut().insert(correlation);
    let begin = Instant::now();
    let answered = async {
        let mut response = next.run(request).await;
        let (status, seconds) = (response.status().as_u16(), begin.elapsed().as_secs_f64());
        if response.status().is_server_error() {
            tracing::warn!(status, seconds, "answered");
        } else {
            tracing::debug!(status, seconds, "answered");
        }
        let labels = [("method", method.to_string()), ("route", route), ("status", status.to_string())];
        metrics::histogram!("http_request_seconds", &labels).record(seconds);
        correlation.name_in(response.headers_mut());
        response
    };
    correlation.carried(answered.instrument(span)).await
}

/// Accepts HTTP/1.1 and HTTP/2 until the stop, then lets the requests under way end for at most [`DRAIN`]. Handlers see
/// the peer as [`ConnectInfo<SocketAddr>`]; upgrades (`CONNECT`) work. Streams without an end must watch the stop
/// themselves, or they hold the drain. Failures of single connections end nothing but that connection.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let router = router.with_state(());
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(connection(graceful.watcher(), stream, peer, router.clone(), stop.clone()));
            }
            // The peer may have gone again; or the process is out of descriptors, which only time can cure.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(RETRY_ACCEPT).await;
            }
        }
    }
    drop(listener);
    let open = graceful.count();
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(open, "connections were still open {DRAIN:?} after the stop");
    }
}

async fn connection(watcher: Watcher, stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    // The HTTP version is read without a time limit, so wait for the first byte here.
    let mut first = [0];
    let spoke = tokio::select! {
        () = stop.cancelled() => return,
        spoke = tokio::time::timeout(HEADERS_WITHIN, stream.peek(&mut first)) => spoke,
    };
    if !matches!(spoke, Ok(Ok(1))) || stream.set_nodelay(true).is_err() {
        return;
    }
    let service = router.map_request(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    server.http2().timer(TokioTimer::new()).enable_connect_protocol();
    let served = server.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(served).await {
        tracing::debug!(error, "a connection ended badly");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    async fn echo(correlation: Correlation) -> String {
        correlation.id().to_string()
    }

    async fn ask(router: &Router, id: &str) -> (String, String) {
        let request = Request::get("/x").header(correlation::HEADER, id).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let header = answer.headers()[correlation::HEADER].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(answer.into_body(), 1024).await.unwrap();
        (header, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn only_our_own_processes_may_bring_a_correlation_id() {
        let id = Correlation::fresh().id().to_string();
        let ours = observed(Router::new().route("/x", get(echo)), Callers::Ourselves);
        assert_eq!(ask(&ours, &id).await, (id.clone(), id.clone()));
        let public = observed(Router::new().route("/x", get(echo)), Callers::Anybody);
        let (header, body) = ask(&public, &id).await;
        assert_eq!(header, body);
        assert_ne!(header, id);
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let crash = |request: Request| async move {
            assert!(request.headers().is_empty(), "bug");
            StatusCode::OK
        };
        let router = observed(Router::new().route("/x", get(crash)), Callers::Anybody);
        let request = Request::get("/x").header("a", "b").body(Body::empty()).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn a_stop_lets_the_request_under_way_end_and_takes_no_new_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (entered, arrived) = oneshot::channel();
        let gate = std::sync::Arc::new(std::sync::Mutex::new(Some(entered)));
        let stopping = stop.clone();
        let slow = move |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
            if let Some(entered) = gate.lock().unwrap().take() {
                entered.send(()).unwrap();
            }
            stopping.cancelled().await;
            peer.ip().to_string()
        };
        let server = tokio::spawn(serve(listener, Router::new().route("/", get(slow)), stop.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        let silent = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        arrived.await.unwrap();
        stop.cancel();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
        tokio::time::timeout(DRAIN / 2, server).await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
        drop(silent);
    }
}
