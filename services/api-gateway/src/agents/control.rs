//! What the agents listener asks of the control-plane, in types. How a request gets there, signed, is the business of
//! [`ControlPlane`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use contract::assertion::Caller;
use contract::internal::{
    BrokerEvent, DecoySighting, EgressAnswer, EgressAsk, ForgeCredential, ModelCall, ModelLimit, RunGrant,
    RunTokenSecret,
};
use contract::problem::Problem;
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// Longest wait for an answer about a token or a credential.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of an answer that are read.
const ANSWER_LIMIT: usize = 256 * 1024;

/// The way to the control-plane: sends a request on somebody's behalf, signed by the gateway.
pub trait ControlPlane: Send + Sync {
    /// Sends `request` (its URI is path and query) for `caller`. Any answer is an `Ok`, whatever its status.
    fn ask(&self, caller: Caller, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, Unreachable>>;
}

/// The control-plane gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("the control-plane did not answer: {0}")]
pub struct Unreachable(pub String);

/// Why the control-plane did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    #[error("refused: {}", .0.code)]
    Refused(Box<Problem>),
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("the control-plane answered {0} in a form that is not in the contract")]
    Malformed(StatusCode),
}

impl ControlError {
    /// The same as an answer to the pod.
    pub(super) fn into_problem(self) -> Problem {
        match self {
            Self::Refused(problem) => *problem,
            error @ (Self::Unreachable(_) | Self::Malformed(_)) => {
                tracing::warn!(%error, "asking the control-plane failed");
                Problem::unavailable("platform_unavailable", "The platform cannot check this right now")
            }
        }
    }
}

/// Typed questions over a [`ControlPlane`].
#[derive(Clone)]
pub(super) struct Control(Arc<dyn ControlPlane>);

impl Control {
    pub(super) fn new(inner: Arc<dyn ControlPlane>) -> Self {
        Self(inner)
    }

    pub(super) async fn verify(&self, token: &SecretString) -> Result<RunGrant, ControlError> {
        let body = RunTokenSecret { token: token.expose_secret().to_owned().into() };
        self.call(Caller::Gateway, "/internal/v1/run-tokens/verify", &body).await
    }

    pub(super) async fn credential(&self, run: &RunGrant) -> Result<ForgeCredential, ControlError> {
        let request = Request::post("/internal/v1/run/forge-credential").body(Bytes::new());
        let answer = self.answered(as_run(run), request).await?;
        serde_json::from_slice(&answer.1).map_err(|_| ControlError::Malformed(answer.0))
    }

    pub(super) async fn record_call(&self, run: &RunGrant, call: &ModelCall) -> Result<(), ControlError> {
        self.tell(run, "/internal/v1/run/model-calls", call).await
    }

    pub(super) async fn record_limit(&self, run: &RunGrant, limit: &ModelLimit) -> Result<(), ControlError> {
        self.tell(run, "/internal/v1/run/model-limits", limit).await
    }

    pub(super) async fn record_event(&self, run: &RunGrant, event: &BrokerEvent) -> Result<(), ControlError> {
        self.tell(run, "/internal/v1/run/broker-events", event).await
    }

    pub(super) async fn ask_for_host(&self, run: &RunGrant, ask: &EgressAsk) -> Result<EgressAnswer, ControlError> {
        self.call(as_run(run), "/internal/v1/run/egress-asks", ask).await
    }

    pub(super) async fn record_sighting(&self, run: &RunGrant, sighting: &DecoySighting) -> Result<(), ControlError> {
        self.tell(run, "/internal/v1/run/decoy-sightings", sighting).await
    }

    /// Passes a request of the run on as it is and returns the answer as it is.
    pub(super) async fn forward(&self, run: &RunGrant, request: Request<Bytes>) -> Result<Response<Body>, Unreachable> {
        self.0.ask(as_run(run), request).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        caller: Caller,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ControlError> {
        let (status, bytes) = self.answered(caller, json(path, body)).await?;
        serde_json::from_slice(&bytes).map_err(|_| ControlError::Malformed(status))
    }

    async fn tell(&self, run: &RunGrant, path: &str, body: &(impl Serialize + Sync)) -> Result<(), ControlError> {
        self.answered(as_run(run), json(path, body)).await.map(drop)
    }

    async fn answered(
        &self,
        caller: Caller,
        request: http::Result<Request<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ControlError> {
        let request = request.map_err(|error| Unreachable(error.to_string()))?;
        let exchange = async {
            let response = self.0.ask(caller, request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
            Ok((status, body.map_err(|error| Unreachable(error.to_string()))?.to_bytes()))
        };
        let answer: Result<_, Unreachable> =
            timeout(PATIENCE, exchange).await.map_err(|_| Unreachable("no answer in time".to_owned()))?;
        let (status, bytes) = answer?;
        if status.is_success() {
            return Ok((status, bytes));
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            // A 5xx says nothing about what was asked: it is no answer.
            Ok(problem) if status.is_client_error() => Err(ControlError::Refused(Box::new(problem))),
            _ => Err(Unreachable(format!("status {status}")).into()),
        }
    }
}

fn as_run(run: &RunGrant) -> Caller {
    Caller::Run { run_id: run.run_id.into(), launch: run.launch }
}

fn json(path: &str, body: &impl Serialize) -> http::Result<Request<Bytes>> {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    Request::post(path).header(CONTENT_TYPE, "application/json").body(bytes.into())
}
