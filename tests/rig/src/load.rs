//! Many deliveries over many connections, and what was answered to each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::future::join_all;
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::delivery::Delivery;

/// What came of one delivery.
#[derive(Debug, Clone)]
pub struct Answer {
    /// GitHub's id of the delivery.
    pub guid: String,
    /// The status; `None` when the connection broke.
    pub status: Option<StatusCode>,
    /// From the moment it was due to the end of the answer.
    pub took: Duration,
}

impl Answer {
    /// The platform has said that it is stored.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }

    /// The platform has said that it is not stored.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.status == Some(StatusCode::SERVICE_UNAVAILABLE)
    }
}

/// One connection, opened when it is needed and again when it broke.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Line {
    /// A line to `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    /// Sends a delivery; answers with the status once the whole answer is here.
    ///
    /// # Errors
    /// The connection broke or could not be opened; the next call opens another.
    pub async fn send(&mut self, delivery: &Delivery) -> Result<StatusCode> {
        let mut request = Request::post(delivery.path).body(Full::new(delivery.body.clone()))?;
        *request.headers_mut() = delivery.headers.clone();
        Ok(self.ask(request).await?.0)
    }

    /// Sends a request; answers with the status and the whole body.
    ///
    /// # Errors
    /// The connection broke or could not be opened; the next call opens another.
    pub async fn ask(&mut self, mut request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        let mut sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.open().await?,
        };
        request.headers_mut().insert(HOST, HeaderValue::from_static("rig.test"));
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        self.sender = Some(sender);
        Ok((status, body))
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await.context("nobody listens")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Where deliveries come from: each number once, until there are no more.
pub type Source = Arc<dyn Fn(u64) -> Option<Delivery> + Send + Sync>;

/// A load on one listener.
#[derive(Clone)]
pub struct Load {
    /// The listener.
    pub address: SocketAddr,
    /// The deliveries.
    pub source: Source,
    /// How many are under way at the same time.
    pub lines: usize,
}

impl Load {
    /// Sends everything, each line its next delivery as soon as its last is answered. `acknowledged` counts while it
    /// goes on.
    pub async fn run(&self, acknowledged: &watch::Sender<usize>) -> Vec<Answer> {
        let next = AtomicU64::new(0);
        let line = async || {
            let (mut line, mut answers) = (Line::new(self.address), Vec::new());
            while let Some(delivery) = (self.source)(next.fetch_add(1, Ordering::Relaxed)) {
                let answer = sent(&mut line, delivery, Instant::now()).await;
                if answer.is_acknowledged() {
                    acknowledged.send_modify(|count| *count += 1);
                }
                answers.push(answer);
            }
            answers
        };
        join_all((0..self.lines).map(|_| line())).await.concat()
    }

    /// Sends everything by the clock, `rate` a second, whether or not earlier ones are answered (while a line is free);
    /// time counts from when a delivery was due.
    pub async fn run_at(&self, rate: f64) -> Vec<Answer> {
        let (next, begin) = (AtomicU64::new(0), Instant::now());
        let line = async || {
            let (mut line, mut answers) = (Line::new(self.address), Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(delivery) = (self.source)(number) else { return answers };
                #[expect(clippy::cast_precision_loss, reason = "no load has 2^52 deliveries")]
                let due = begin + Duration::from_secs_f64(number as f64 / rate);
                tokio::time::sleep_until(due.into()).await;
                answers.push(sent(&mut line, delivery, due).await);
            }
        };
        join_all((0..self.lines).map(|_| line())).await.concat()
    }
}

async fn sent(line: &mut Line, delivery: Delivery, due: Instant) -> Answer {
    let status = line.send(&delivery).await.ok();
    Answer { guid: delivery.guid, status, took: due.elapsed() }
}

/// The time that a share of the answers took at most; `share` is from 0 to 1.
#[must_use]
pub fn percentile(answers: &[Answer], share: f64) -> Duration {
    let mut times: Vec<_> = answers.iter().map(|answer| answer.took).collect();
    times.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index within a list"
    )]
    let rank = (times.len() as f64 * share).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
