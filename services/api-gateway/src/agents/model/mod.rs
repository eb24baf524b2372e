//! The model broker: what of a model call may leave the platform, and the key that it leaves with.
//!
//! [`rules`] decides over the request's JSON; [`relay`] carries the answer and learns from it what the call used. The
//! pod never sees the key, and nothing that the provider would run or fetch for it gets through.

mod estimate;
mod relay;
mod rules;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use contract::internal::{BrokerEventKind, ModelLimit};
use contract::problem::Problem;
use contract::shape;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Limited};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::AgentsState;
use super::decoy::Place;
use super::limits::Kind;
use super::run_api::BODY_TIME;
use super::token::Run;
use crate::bodies::{BodyBounds, HeldBody};
use relay::Call;
use rules::Admitted;

const REQUEST_LIMIT: usize = 32 * 1024 * 1024;
/// What calls of all runs may hold together until they are sent. A budget of its own: no call keeps a run from reporting.
const MEMORY: usize = 128 * 1024 * 1024;
const FULL: &str = "Too many calls are being sent at once";
/// Values and names that a call may hold. A thought, a call and its output have some 36, and hardly less than a hundred
/// tokens, so whatever 400,000 tokens are made of fits; in their worst form these take some 50 MB while they are judged.
const VALUES: usize = 150_000;
/// Bytes of an upstream's error that are passed on.
const ERROR_LIMIT: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(10);
/// Letters of the provider's code that are kept.
const LONGEST_CODE: usize = 100;
/// How long the model may say nothing at all.
const SILENCE: Duration = Duration::from_secs(300);
/// Headers of the client's that change how the provider reads the body; everything else stays here.
const PASSED: [&str; 5] =
    ["originator", "session-id", "thread-id", "x-client-request-id", "x-openai-internal-codex-responses-lite"];

/// The client for the model's API. It follows no redirect: the key goes to the configured address only.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()
}

/// Bounds on what is sent to the model.
pub(super) fn bodies() -> BodyBounds {
    BodyBounds::new(REQUEST_LIMIT, BODY_TIME, MEMORY)
}

/// The two endpoints that codex uses.
pub(super) fn router() -> Router<AgentsState> {
    Router::new().route("/model/v1/responses", post(respond)).route("/model/v1/models", get(models))
}

/// The models that the run may use, in the provider's own form.
async fn models(run: Run) -> Json<Value> {
    let models: Vec<_> = run.grant.models.iter().map(|id| json!({ "id": id, "object": "model" })).collect();
    Json(json!({ "object": "list", "data": models }))
}

async fn respond(State(state): State<AgentsState>, run: Run, request: Request) -> Response {
    let slot = match state.limits.take(run.grant.run_id, Kind::ModelCall) {
        Ok(slot) => slot,
        Err(problem) => return told(&problem),
    };
    let (parts, body) = request.into_parts();
    let mut held = match read(&state, &parts.headers, body).await {
        Ok(held) => held,
        Err(problem) => return refuse(&state, &run, &problem),
    };
    // Codex's conversation holds what its commands printed, so reading the decoy is enough.
    if let Err(denied) = state.decoys.pass(&run, Place::Model, &held.bytes, |_| String::new()) {
        return told(&Problem::from(denied));
    }
    let admitted = match judged(&held.bytes, &run.grant.models) {
        Ok(admitted) => admitted,
        Err(problem) => return refuse(&state, &run, &problem),
    };
    let call = Call::new(state.clone(), run.grant, &admitted, slot);
    // What goes on takes the share of what came.
    held.bytes = admitted.body;
    let (answer, answered) = oneshot::channel();
    // A task of its own: a pod that hangs up before the first byte must not hide what its call cost.
    state.tasks.clone().spawn(exchange(state, parts.headers, held, call, answer));
    answered.await.unwrap_or_else(|_| unreachable())
}

async fn exchange(
    state: AgentsState,
    headers: HeaderMap,
    held: HeldBody,
    call: Call,
    answer: oneshot::Sender<Response>,
) {
    let outcome = match send(&state, &headers, held).await {
        Ok(upstream) if upstream.status().is_success() => {
            let (response, carried) = call.relay(upstream);
            // A pod that has gone drops its end of the stream, and the carrying goes on for a while.
            let _gone = answer.send(response);
            carried.await;
            "answered"
        }
        Ok(upstream) => {
            let (response, limit) = upstream_refusal(upstream).await;
            // Noted first: the agent may end at once over the answer, and then the platform should know why.
            if let Some(limit) = limit {
                call.note_limit(&limit).await;
            }
            let _gone = answer.send(response);
            "refused"
        }
        Err(error) => {
            let heard = !error.is_connect();
            tracing::warn!(error = %error.without_url(), "the model API did not answer");
            let _gone = answer.send(unreachable());
            if heard {
                call.charge_unanswered().await;
            }
            "unreachable"
        }
    };
    metrics::counter!("codexk8s_model_calls_total", "outcome" => outcome).increment(1);
}

fn unreachable() -> Response {
    failure(StatusCode::BAD_GATEWAY, "model_unreachable", "The model API did not answer")
}

async fn read(state: &AgentsState, headers: &HeaderMap, body: Body) -> Result<HeldBody, Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::bad_request("content_encoding", "a compressed body cannot be checked; send it plain"));
    }
    let held = state.model_bodies.read(headers, body).await;
    held.map_err(|cut| cut.into_problem(format!("at most {REQUEST_LIMIT} bytes are taken"), FULL))
}

/// Nothing is parsed that would hold too much.
fn judged(bytes: &[u8], models: &[String]) -> Result<Admitted, Problem> {
    shape::check(bytes, VALUES)?;
    rules::admit(bytes, models).map_err(|refusal| Problem::bad_request(refusal.code, refusal.reason))
}

/// The pause that an answer asks for.
fn retry_after(upstream: &reqwest::Response) -> Option<Duration> {
    upstream.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

async fn send(state: &AgentsState, client: &HeaderMap, held: HeldBody) -> reqwest::Result<reqwest::Response> {
    let mut url = state.config.model.url.clone();
    url.set_path(&format!("{}/responses", url.path().trim_end_matches('/')));
    let key = format!("Bearer {}", state.config.model.key.expose_secret());
    let mut request =
        state.clients.model.post(url).header(CONTENT_TYPE, "application/json").header(ACCEPT, "text/event-stream");
    if let Ok(mut key) = HeaderValue::from_str(&key) {
        key.set_sensitive(true);
        request = request.header(AUTHORIZATION, key);
    }
    for name in PASSED {
        if let Some(value) = client.get(name) {
            request = request.header(name, value);
        }
    }
    request.body(held.bytes.clone()).send().await
}

/// What the provider refused, told to codex in the provider's own form, and the limit that it was; about our key codex
/// learns nothing.
async fn upstream_refusal(upstream: reqwest::Response) -> (Response, Option<ModelLimit>) {
    let status = upstream.status();
    metrics::counter!("codexk8s_model_upstream_errors_total", "status" => status.as_u16().to_string()).increment(1);
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        tracing::error!(%status, "the model API refuses the platform's key");
        return (failure(StatusCode::BAD_GATEWAY, "model_key_refused", "The model API refuses the platform"), None);
    }
    if !status.is_client_error() && !status.is_server_error() {
        let answer = failure(StatusCode::BAD_GATEWAY, "model_unreachable", "The model API answered with a redirect");
        return (answer, None);
    }
    let pause = retry_after(&upstream);
    let retry = upstream.headers().get(RETRY_AFTER).cloned();
    let body = Limited::new(reqwest::Body::from(upstream), ERROR_LIMIT).collect().await;
    let error = body.ok().and_then(|body| serde_json::from_slice::<Value>(&body.to_bytes()).ok());
    let text = |field: &str| error.as_ref()?.get("error")?.get(field)?.as_str().map(str::to_owned);
    let code = text("code").or_else(|| text("type")).unwrap_or_else(|| "model_error".to_owned());
    let message = text("message").unwrap_or_else(|| format!("The model API answered {status}"));
    let mut response = failure(status, &code, &message);
    if let Some(retry) = retry {
        response.headers_mut().insert(RETRY_AFTER, retry);
    }
    (response, (status == StatusCode::TOO_MANY_REQUESTS).then(|| limit(&code, pause)))
}

/// A limit as the control-plane notes it.
fn limit(code: &str, pause: Option<Duration>) -> ModelLimit {
    let seconds = pause.and_then(|pause| i64::try_from(pause.as_secs()).ok());
    ModelLimit { code: code.chars().take(LONGEST_CODE).collect(), retry_after_seconds: seconds }
}

fn refuse(state: &AgentsState, run: &Run, problem: &Problem) -> Response {
    let data = [("code", problem.code.clone().into()), ("reason", problem.title.clone().into())];
    state.events.record(&run.grant, BrokerEventKind::ModelRefused, data);
    failure(problem.status_code(), &problem.code, &format!("Refused by the platform: {}", problem.title))
}

fn told(problem: &Problem) -> Response {
    failure(problem.status_code(), &problem.code, &problem.title)
}

/// A problem document that also is an error of the provider's form, which is what codex reads.
fn failure(status: StatusCode, code: &str, message: &str) -> Response {
    let kind = if status == StatusCode::TOO_MANY_REQUESTS {
        "rate_limit_error"
    } else if status.is_client_error() {
        "invalid_request_error"
    } else {
        "server_error"
    };
    let problem = serde_json::to_value(Problem::new(status, code, message)).unwrap_or_default();
    let mut body = problem.as_object().cloned().unwrap_or_default();
    body.insert("error".to_owned(), json!({ "message": message, "type": kind, "code": code }));
    (status, Json(body)).into_response()
}
