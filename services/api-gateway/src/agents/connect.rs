//! `CONNECT`: tunnels to hosts that the run may reach. About other hosts people are asked.
//!
//! The name is resolved once and the connection goes to the address that was judged, so a name that changes its mind
//! gains nothing. A tunnel ends when the token or the grant does, when nothing flows, or when the gateway stops.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use contract::internal::{BrokerEventKind, EgressAnswerVerdict, EgressAsk, RunGrantServes};
use contract::problem::Problem;
use domain::egress::{HostRefusal, judge_host};
use http::header::{PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::AgentsState;
use super::limits::{Kind, Slot};
use super::token::{Denied, Lease, Run};

const DIAL: Duration = Duration::from_secs(10);
/// A tunnel in which nothing flows either way ends after this time.
const IDLE: Duration = Duration::from_secs(300);
/// Between two looks whether people have decided.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Answers a `CONNECT`: a tunnel, or the reason why there is none.
pub(super) async fn open(state: &AgentsState, request: Request, stop: &CancellationToken) -> Response {
    let headers = request.headers().clone();
    let run = match state.grants.authenticate(&headers, PROXY_AUTHORIZATION).await {
        Ok(run) => run,
        Err(denied) => return challenge(denied),
    };
    if run.grant.serves != RunGrantServes::All {
        return Problem::forbidden("run_ending", "The run is ending; only saving its work is served").into_response();
    }
    let (parts, body) = request.into_parts();
    if let Err(denied) = state.decoys.pass_head(&run, &parts) {
        return challenge(denied);
    }
    let target = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
    let request = Request::from_parts(parts, body);
    match establish(state, &run, &target).await {
        Ok((host, stream, slot)) => {
            let granted = host.clone();
            let lease = state.grants.lease(&run, move |grant| {
                grant.serves == RunGrantServes::All && judge_host(&granted, &grant.egress_hosts).is_ok()
            });
            state.events.record(&run.grant, BrokerEventKind::EgressOpened, [("host", host.clone().into())]);
            let (state, stop) = (state.clone(), stop.clone());
            state.tasks.clone().spawn(async move {
                let Bytes { sent, received } = carry(request, stream, lease, stop, slot).await;
                let data = [("host", host.into()), ("sent", sent.into()), ("received", received.into())];
                state.events.record(&run.grant, BrokerEventKind::EgressClosed, data);
            });
            StatusCode::OK.into_response()
        }
        Err(reason) => {
            let data = [("target", shortened(&target).into()), ("reason", reason.clone().into())];
            state.events.record(&run.grant, BrokerEventKind::EgressRefused, data);
            Problem::forbidden("egress_refused", format!("{}: {reason}", shortened(&target))).into_response()
        }
    }
}

/// Answers a proxy request for plain `http://`, which is never carried: it would have to be read, and trusted.
pub(super) async fn refuse_plain(state: &AgentsState, request: Parts) -> Response {
    let run = match state.grants.authenticate(&request.headers, PROXY_AUTHORIZATION).await {
        Ok(run) => run,
        Err(denied) => return challenge(denied),
    };
    if let Err(denied) = state.decoys.pass_head(&run, &request) {
        return challenge(denied);
    }
    let target = request.uri.authority().map(ToString::to_string).unwrap_or_default();
    let reason = "plain http is not carried; use https, or the registry routes for packages";
    let data = [("target", shortened(&target).into()), ("reason", reason.into())];
    state.events.record(&run.grant, BrokerEventKind::EgressRefused, data);
    Problem::forbidden("egress_refused", format!("{}: {reason}", shortened(&target))).into_response()
}

async fn establish(state: &AgentsState, run: &Run, target: &str) -> Result<(String, TcpStream, Slot), String> {
    let (host, port) = target.rsplit_once(':').unwrap_or((target, ""));
    let host = host.to_ascii_lowercase();
    let judged = judge_host(&host, &run.grant.egress_hosts);
    if let Err(refusal @ (HostRefusal::Literal | HostRefusal::Malformed)) = judged {
        return Err(refusal.to_string());
    }
    let allowed = state.config.egress.port;
    if port != allowed.to_string() {
        return Err(format!("only port {allowed} can be reached"));
    }
    let slot = state.limits.take(run.grant.run_id, Kind::Tunnel).map_err(|problem| problem.title)?;
    if judged.is_err() {
        ask(state, run, &host).await?;
    }
    let addresses = state.guard.resolve(&host).await.map_err(|error| error.to_string())?;
    let stream = dial(&addresses, allowed).await.ok_or("the host does not answer")?;
    Ok((host, stream, slot))
}

/// Asks people about a host that is not granted. The first try waits a short time for them; later ones are told how it
/// stands, so that a tool that tries again and again is not held up each time.
async fn ask(state: &AgentsState, run: &Run, host: &str) -> Result<(), String> {
    let until = Instant::now() + state.config.egress.answer_within;
    let mut tries = true;
    loop {
        let question = EgressAsk { host: host.to_owned(), tries };
        let answer = state.control.ask_for_host(&run.grant, &question).await;
        let answer = answer.map_err(|error| error.into_problem().title)?;
        match answer.verdict {
            EgressAnswerVerdict::Allowed => {
                // The next try needs no question.
                state.grants.forget(run).await;
                return Ok(());
            }
            EgressAnswerVerdict::Asked if answer.tries == 1 && Instant::now() < until => sleep(BETWEEN_LOOKS).await,
            _ => return Err(answer.reason),
        }
        tries = false;
    }
}

async fn dial(addresses: &[IpAddr], port: u16) -> Option<TcpStream> {
    for &address in addresses {
        if let Ok(Ok(stream)) = timeout(DIAL, TcpStream::connect(SocketAddr::new(address, port))).await {
            return Some(stream);
        }
    }
    None
}

/// What went through a tunnel.
#[derive(Debug, Default, Clone, Copy)]
struct Bytes {
    /// To the host.
    sent: u64,
    /// From the host.
    received: u64,
}

/// Carries bytes both ways until one of the reasons to end comes true; tells how many.
async fn carry(request: Request, upstream: TcpStream, lease: Lease, stop: CancellationToken, slot: Slot) -> Bytes {
    let _slot = slot;
    let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
    let open = metrics::gauge!("codexk8s_tunnels_open");
    open.increment(1.0);
    tokio::select! {
        () = exchange(request, upstream, &sent, &received) => {}
        () = lease.lost() => {}
        () = stop.cancelled() => {}
    }
    open.decrement(1.0);
    Bytes { sent: sent.into_inner(), received: received.into_inner() }
}

async fn exchange(request: Request, upstream: TcpStream, sent: &AtomicU64, received: &AtomicU64) {
    let Ok(Ok(upgraded)) = timeout(DIAL, hyper::upgrade::on(request)).await else { return };
    let (from_pod, to_pod) = tokio::io::split(TokioIo::new(upgraded));
    let (from_host, to_host) = upstream.into_split();
    let last = std::sync::Mutex::new(Instant::now());
    let up = pump(from_pod, to_host, &last, "up", sent);
    let down = pump(from_host, to_pod, &last, "down", received);
    tokio::join!(up, down);
}

/// Moves bytes one way. `last` is shared by both directions: a quiet one stays open while the other speaks.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    last: &std::sync::Mutex<Instant>,
    direction: &'static str,
    moved: &AtomicU64,
) {
    let bytes = metrics::counter!("codexk8s_tunnel_bytes_total", "direction" => direction);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match timeout(IDLE, from.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => {
                *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
                if !matches!(timeout(IDLE, to.write_all(&buffer[..count])).await, Ok(Ok(()))) {
                    break;
                }
                bytes.increment(count as u64);
                moved.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(_) => {
                let quiet = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner).elapsed();
                if quiet >= IDLE {
                    break;
                }
            }
        }
    }
    // The other direction may go on: a host that has said all still waits for the pod's last words.
    let _closed = to.shutdown().await;
}

fn challenge(denied: Denied) -> Response {
    let asks = matches!(denied, Denied::Refused(_));
    let mut response = Problem::from(denied).into_response();
    if asks {
        *response.status_mut() = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let basic = HeaderValue::from_static("Basic realm=\"run\"");
        response.headers_mut().insert(PROXY_AUTHENTICATE, basic);
    }
    response
}

/// A target as it goes into events: the pod chose it, so it is bounded and printable.
fn shortened(target: &str) -> String {
    target.chars().take(200).flat_map(char::escape_debug).collect()
}
