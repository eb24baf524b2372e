//! Carries a model's answer to the pod and meters it.
//!
//! The upstream is read by a task of its own, which does not end when the pod hangs up: the provider goes on working
//! and charging, so the stream is read to its end, for a bounded time, to learn what it cost.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contract::internal::{ModelCall, ModelLimit, RunGrant};
use eventsource_stream::Eventsource;
use futures::{Stream, StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use super::super::AgentsState;
use super::super::events::retried;
use super::super::limits::Slot;
use super::estimate;
use super::rules::Admitted;

/// Chunks that wait for a slow pod.
const WAITING: usize = 32;
/// How long the upstream is read on after the pod has gone.
const AFTERWARDS: Duration = Duration::from_secs(120);
/// How long a pod may take no byte of what waits for it.
const STALLED: Duration = Duration::from_secs(120);
/// No answer is longer than this, in bytes and in time.
const ANSWER_LIMIT: u64 = 256 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(3600);

/// Codes of failures that pass by themselves, or once somebody has paid.
const LIMITS: [&str; 2] = ["rate_limit_exceeded", "insufficient_quota"];

/// One call under way.
pub(super) struct Call {
    state: AgentsState,
    run: Arc<RunGrant>,
    model: String,
    request_bytes: u64,
    _slot: Slot,
}

/// What the provider says at the end of a stream, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: i64,
    #[serde(default)]
    output_tokens: i64,
    #[serde(default)]
    input_tokens_details: Details,
}

#[derive(Debug, Default, Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: i64,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    delta: Option<serde_json::Value>,
    #[serde(default)]
    response: Option<Ended>,
}

#[derive(Debug, Deserialize)]
struct Ended {
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Failed>,
}

#[derive(Debug, Deserialize)]
struct Failed {
    #[serde(default)]
    code: Option<String>,
}

/// What has been learned from a stream so far.
#[derive(Debug, Default)]
struct Meter {
    usage: Option<Usage>,
    text_bytes: u64,
    /// The stream ended with a limit of this code.
    limit: Option<String>,
}

impl Meter {
    fn note(&mut self, data: &str) {
        let Ok(event) = serde_json::from_str::<Event>(data) else { return };
        if let Some(delta) = event.delta.as_ref().and_then(|delta| delta.as_str()) {
            self.text_bytes += delta.len() as u64;
        }
        let ends = ["response.completed", "response.failed", "response.incomplete"].contains(&event.kind.as_str());
        let Some(ended) = event.response.filter(|_| ends) else { return };
        let code = ended.error.and_then(|error| error.code);
        self.limit = code.filter(|code| LIMITS.contains(&code.as_str())).or(self.limit.take());
        self.usage = ended.usage.or(self.usage.take());
    }
}

impl Call {
    pub(super) fn new(state: AgentsState, run: Arc<RunGrant>, admitted: &Admitted, slot: Slot) -> Self {
        Self { state, run, model: admitted.model.clone(), request_bytes: admitted.body.len() as u64, _slot: slot }
    }

    /// The answer for the pod, which is the upstream's stream as it comes, and the work of carrying it.
    pub(super) fn relay(self, upstream: reqwest::Response) -> (Response, impl Future<Output = ()>) {
        let kind = upstream.headers().get(CONTENT_TYPE).cloned();
        let (to_pod, chunks) = mpsc::channel(WAITING);
        let chunks = tokio_stream::wrappers::ReceiverStream::new(chunks);
        let mut response = (StatusCode::OK, Body::from_stream(chunks)).into_response();
        let kind = kind.unwrap_or(HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        (response, self.carry(upstream.bytes_stream(), to_pod))
    }

    /// Charges a call that was heard and never answered: the provider may have worked on it.
    pub(super) async fn charge_unanswered(self) {
        self.record(Meter::default()).await;
    }

    async fn carry(
        self,
        upstream: impl Stream<Item = reqwest::Result<Bytes>>,
        to_pod: Sender<Result<Bytes, UpstreamCut>>,
    ) {
        let mut meter = Meter::default();
        let gone = to_pod.clone();
        let out_of_time = async {
            let latest = Instant::now() + LONGEST;
            tokio::select! {
                () = gone.closed() => sleep_until((Instant::now() + AFTERWARDS).min(latest)).await,
                () = sleep_until(latest) => {}
            }
        };
        tokio::select! {
            () = read(upstream, to_pod, &mut meter) => {}
            () = out_of_time => {}
        }
        let limit = meter.limit.take();
        self.record(meter).await;
        if let Some(code) = limit {
            self.note_limit(&super::limit(&code, None)).await;
        }
    }

    /// Tells the control-plane that the model answered with a limit.
    pub(super) async fn note_limit(&self, limit: &ModelLimit) {
        metrics::counter!("codexk8s_model_limits_total", "code" => limit.code.clone()).increment(1);
        if let Err(error) = retried(|| self.state.control.record_limit(&self.run, limit)).await {
            tracing::error!(%error, run_id = %self.run.run_id, code = limit.code, "a limit of the model was not noted");
        }
    }

    async fn record(&self, meter: Meter) {
        let estimated = meter.usage.is_none();
        let usage = meter.usage.unwrap_or_else(|| Usage {
            input_tokens: estimate::tokens(self.request_bytes),
            output_tokens: estimate::tokens(meter.text_bytes),
            ..Usage::default()
        });
        for (kind, tokens) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
            let count = u64::try_from(tokens).unwrap_or_default();
            metrics::counter!("codexk8s_model_tokens_total", "model" => self.model.clone(), "kind" => kind)
                .increment(count);
        }
        let call = ModelCall {
            call_id: Uuid::now_v7(),
            model: self.model.clone(),
            input_tokens: usage.input_tokens.max(0),
            cached_input_tokens: usage.input_tokens_details.cached_tokens.max(0),
            output_tokens: usage.output_tokens.max(0),
            estimated,
        };
        if let Err(error) = retried(|| self.state.control.record_call(&self.run, &call)).await {
            tracing::error!(%error, run_id = %self.run.run_id, call_id = %call.call_id, "a model call was not recorded");
        }
    }
}

/// The upstream broke off; the pod sees its stream end with an error, and codex asks again.
#[derive(Debug, thiserror::Error)]
#[error("the model's answer broke off")]
struct UpstreamCut;

/// Reads the upstream to its end; every chunk goes to the pod as long as there is one.
async fn read(
    upstream: impl Stream<Item = reqwest::Result<Bytes>>,
    to_pod: Sender<Result<Bytes, UpstreamCut>>,
    meter: &mut Meter,
) {
    let tee = Tee { upstream: Box::pin(upstream), to_pod: Some(to_pod), total: 0 };
    let chunks = stream::unfold(tee, async |mut tee| tee.next().await.map(|chunk| (Ok::<_, Infallible>(chunk), tee)));
    let mut events = std::pin::pin!(chunks.eventsource());
    while let Some(event) = events.next().await {
        if let Ok(event) = event {
            meter.note(&event.data);
        }
    }
}

struct Tee<S> {
    upstream: Pin<Box<S>>,
    to_pod: Option<Sender<Result<Bytes, UpstreamCut>>>,
    total: u64,
}

impl<S: Stream<Item = reqwest::Result<Bytes>>> Tee<S> {
    async fn next(&mut self) -> Option<Bytes> {
        let chunk = match self.upstream.next().await? {
            Ok(chunk) => chunk,
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "a model's answer broke off");
                self.pass(Err(UpstreamCut)).await;
                return None;
            }
        };
        self.total += chunk.len() as u64;
        if self.total > ANSWER_LIMIT {
            self.pass(Err(UpstreamCut)).await;
            return None;
        }
        self.pass(Ok(chunk.clone())).await;
        Some(chunk)
    }

    /// A pod that has gone or stalled gets no more, not even later chunks: its stream would have a hole.
    async fn pass(&mut self, chunk: Result<Bytes, UpstreamCut>) {
        if let Some(to_pod) = &self.to_pod
            && !matches!(timeout(STALLED, to_pod.send(chunk)).await, Ok(Ok(())))
        {
            self.to_pod = None;
        }
    }
}
