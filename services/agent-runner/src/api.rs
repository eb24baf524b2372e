//! The run API as the runner calls it: the run token on every request, patience with a network that fails, none with
//! a refusal.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use contract::agent::{AgentEvent, Beat, BeatPhase, EventBatch, EventsStored, Orders, RunContext, RunResult};
use http::HeaderValue;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use runtime::correlation::{self, Correlation};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

/// A beat that takes longer than its own period is as good as lost.
const BEAT_TIMEOUT: Duration = Duration::from_secs(4);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const SESSION: &str = "/api/v1/run/session";
const WORKTREE: &str = "/api/v1/run/worktree";

/// Why a call to the run API failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The token is not accepted (401, 403): the run was revoked or is over.
    #[error("the run token is not accepted ({0})")]
    Revoked(StatusCode),
    /// The gateway refused the request; repeating it would not help.
    #[error("the gateway refused {path} ({status}): {detail}")]
    Refused {
        /// What was called.
        path: &'static str,
        /// Its answer.
        status: StatusCode,
        /// The problem document, or whatever came.
        detail: String,
    },
    /// The gateway could not do it now (429 or 5xx).
    #[error("the gateway could not serve {path} now ({status})")]
    Unavailable {
        /// What was called.
        path: &'static str,
        /// Its answer.
        status: StatusCode,
    },
    /// No answer, or half of one.
    #[error("calling {path} failed")]
    Network {
        /// What was called.
        path: &'static str,
        /// What the client saw.
        source: reqwest::Error,
    },
}

impl ApiError {
    /// Whether another attempt may go better.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Network { .. })
    }
}

/// One snapshot of the session file.
#[derive(Debug, Clone)]
pub struct SessionSnapshot {
    /// Grows with each snapshot of the launch, from 1.
    pub version: i64,
    /// Where the file lies under `CODEX_HOME`.
    pub path: String,
    /// Codex's id of the session.
    pub session_id: String,
    /// Of `bytes`, as hex.
    pub sha256: String,
    /// The file, gzipped.
    pub bytes: Bytes,
}

/// One snapshot of the working tree.
#[derive(Debug, Clone)]
pub struct WorktreeSnapshot {
    /// Grows with each snapshot of the launch, from 1.
    pub version: i64,
    /// Of `bytes`, as hex.
    pub sha256: String,
    /// A git bundle.
    pub bytes: Bytes,
}

/// Client of the run API. Cheap to clone.
#[derive(Clone)]
pub struct RunApi {
    http: reqwest::Client,
    gateway: Url,
    token: SecretString,
}

impl RunApi {
    /// A client of the agents listener at `gateway`, whose requests carry `correlation`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built (no CA file, for one).
    pub fn new(gateway: Url, token: SecretString, correlation: Correlation) -> reqwest::Result<Self> {
        let id = HeaderValue::try_from(correlation.id().to_string()).ok();
        let headers = id.map(|id| (correlation::HEADER, id)).into_iter().collect();
        let http = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).default_headers(headers).build()?;
        Ok(Self { http, gateway, token })
    }

    /// Whether the gateway gives any HTTP answer at all.
    pub async fn gateway_answers(&self) -> bool {
        self.http.get(self.gateway.clone()).timeout(Duration::from_secs(2)).send().await.is_ok()
    }

    /// Everything the runner needs to begin.
    ///
    /// # Errors
    /// When the run is refused, or the gateway stays away for two minutes.
    pub async fn context(&self) -> Result<RunContext, ApiError> {
        const PATH: &str = "/api/v1/run/context";
        patiently(|| async { json(PATH, self.send(PATH, self.request(Method::GET, PATH)).await?).await }).await
    }

    /// Appends events; the answer is the greatest number stored. A batch that came before may be sent again.
    ///
    /// # Errors
    /// When the batch is refused, or the gateway stays away for two minutes.
    pub async fn add_events(&self, events: &[AgentEvent]) -> Result<i64, ApiError> {
        const PATH: &str = "/api/v1/run/events";
        let batch = EventBatch { events: events.to_vec() };
        let stored: EventsStored = patiently(|| async {
            json(PATH, self.send(PATH, self.request(Method::POST, PATH).json(&batch)).await?).await
        })
        .await?;
        Ok(stored.last_seq)
    }

    /// Says that the runner is alive and asks what to do. Not repeated: the next beat comes soon enough.
    ///
    /// # Errors
    /// When there was no answer, or none that allows to go on.
    pub async fn beat(&self, beat: &Beat) -> Result<Orders, ApiError> {
        const PATH: &str = "/api/v1/run/beat";
        let request = self.request(Method::POST, PATH).timeout(BEAT_TIMEOUT).json(beat);
        json(PATH, self.send(PATH, request).await?).await
    }

    /// Asks at the end of the agent's turn whether people were asked for something that it does not know yet.
    ///
    /// # Errors
    /// When it is refused, or the gateway stays away for two minutes.
    pub async fn waits(&self) -> Result<bool, ApiError> {
        let beat = Beat { phase: BeatPhase::Working, last_words: None };
        patiently(|| self.beat(&beat)).await.map(|orders| orders.waits)
    }

    /// Keeps a snapshot of the session.
    ///
    /// # Errors
    /// When it is refused, or the gateway stays away for two minutes.
    pub async fn put_session(&self, snapshot: &SessionSnapshot) -> Result<(), ApiError> {
        patiently(|| async {
            let request = self
                .request(Method::PUT, SESSION)
                .query(&[("version", snapshot.version.to_string())])
                .query(&[("path", &snapshot.path), ("session_id", &snapshot.session_id), ("sha256", &snapshot.sha256)])
                .header(http::header::CONTENT_TYPE, "application/gzip")
                .body(snapshot.bytes.clone());
            self.send(SESSION, request).await.map(drop)
        })
        .await
    }

    /// The session that the context says to go on with, gzipped.
    ///
    /// # Errors
    /// When there is none, or the gateway stays away for two minutes.
    pub async fn session(&self) -> Result<Bytes, ApiError> {
        self.fetch(SESSION).await
    }

    /// Keeps a snapshot of the working tree.
    ///
    /// # Errors
    /// When it is refused, or the gateway stays away for two minutes.
    pub async fn put_worktree(&self, snapshot: &WorktreeSnapshot) -> Result<(), ApiError> {
        patiently(|| async {
            let request = self
                .request(Method::PUT, WORKTREE)
                .query(&[("version", &snapshot.version.to_string()), ("sha256", &snapshot.sha256)])
                .header(http::header::CONTENT_TYPE, "application/octet-stream")
                .body(snapshot.bytes.clone());
            self.send(WORKTREE, request).await.map(drop)
        })
        .await
    }

    /// The working tree that belongs to the session, as a git bundle.
    ///
    /// # Errors
    /// When there is none, or the gateway stays away for two minutes.
    pub async fn worktree(&self) -> Result<Bytes, ApiError> {
        self.fetch(WORKTREE).await
    }

    async fn fetch(&self, path: &'static str) -> Result<Bytes, ApiError> {
        patiently(|| async {
            let answer = self.send(path, self.request(Method::GET, path)).await?;
            answer.bytes().await.map_err(|error| ApiError::Network { path, source: error.without_url() })
        })
        .await
    }

    /// Reports the run's last word; the first one counts.
    ///
    /// # Errors
    /// When it is refused, or the gateway stays away for two minutes.
    pub async fn report(&self, result: &RunResult) -> Result<(), ApiError> {
        const PATH: &str = "/api/v1/run/result";
        patiently(|| async { self.send(PATH, self.request(Method::POST, PATH).json(result)).await.map(drop) }).await
    }

    fn request(&self, method: Method, path: &'static str) -> RequestBuilder {
        let mut url = self.gateway.clone();
        url.set_path(path);
        self.http.request(method, url).bearer_auth(self.token.expose_secret())
    }

    async fn send(&self, path: &'static str, request: RequestBuilder) -> Result<Response, ApiError> {
        // The URL is dropped from errors: a query may hold more than a log should.
        let response = request.send().await.map_err(|error| ApiError::Network { path, source: error.without_url() })?;
        let status = response.status();
        match status {
            _ if status.is_success() => Ok(response),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ApiError::Revoked(status)),
            StatusCode::TOO_MANY_REQUESTS => Err(ApiError::Unavailable { path, status }),
            _ if status.is_server_error() => Err(ApiError::Unavailable { path, status }),
            _ => {
                let detail = response.text().await.unwrap_or_default().chars().take(1000).collect();
                Err(ApiError::Refused { path, status, detail })
            }
        }
    }
}

async fn json<T: DeserializeOwned>(path: &'static str, response: Response) -> Result<T, ApiError> {
    response.json().await.map_err(|error| ApiError::Network { path, source: error.without_url() })
}

/// Repeats a call with growing pauses for about two minutes: a rollout of the gateway takes less.
async fn patiently<T, F: Future<Output = Result<T, ApiError>>>(call: impl FnMut() -> F) -> Result<T, ApiError> {
    let pauses = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(18);
    call.retry(pauses).when(ApiError::is_transient).notify(warn).await
}

fn warn(error: &ApiError, pause: Duration) {
    tracing::warn!(?error, ?pause, "the run API is called again");
}
