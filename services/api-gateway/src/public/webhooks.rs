//! Webhook ingress. The signature is checked over the raw bytes before anything is parsed; what passes goes to the
//! control-plane as it came. A delivery that could not be stored is answered 503 and found later in GitHub's log.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contract::assertion::Caller;
use contract::gateway::DeliveryReceipt;
use contract::problem::Problem;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::PublicState;
use super::event::{self, Misfit};
use crate::bodies::BodyBounds;
use crate::forward::{is_no_answer, passed_on, read};

/// GitHub caps payloads at 25 MB.
const BODY_LIMIT: usize = 25 * 1024 * 1024;
/// GitHub waits 10 s for the answer, all in all.
const BODY_TIME: Duration = Duration::from_secs(7);
/// What bodies may hold together before they are refused.
const MEMORY: usize = 256 * 1024 * 1024;
const FULL: &str = "Too many webhooks at once; nothing was stored";
/// When the control-plane takes longer, the delivery counts as not stored; the answer leaves within 2 s.
const PATIENCE: Duration = Duration::from_millis(1500);

const INTERNAL_PATH: &str = "/internal/v1/webhooks/github";
const EVENT: &str = "x-github-event";
const DELIVERY: &str = "x-github-delivery";
const SIGNATURE: &str = "x-hub-signature-256";
/// Longest event name or delivery id that is taken.
const NAME_LIMIT: usize = 100;

/// Secrets and bounds of the ingress.
pub(super) struct Webhooks {
    secrets: Vec<SecretString>,
    bounds: BodyBounds,
}

impl Webhooks {
    pub(super) fn new(secrets: Vec<SecretString>) -> Self {
        Self { secrets, bounds: BodyBounds::new(BODY_LIMIT, BODY_TIME, MEMORY) }
    }
}

pub(super) fn routes() -> OpenApiRouter<PublicState> {
    OpenApiRouter::new().routes(routes!(receive))
}

#[utoipa::path(
    post,
    path = "/api/v1/webhooks/github",
    operation_id = "receive_github_webhook",
    params(
        ("X-GitHub-Event" = String, Header),
        ("X-GitHub-Delivery" = String, Header),
        ("X-Hub-Signature-256" = Option<String>, Header),
    ),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, body = DeliveryReceipt),
        (status = 202, body = DeliveryReceipt),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn receive(State(app): State<PublicState>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let outcome = take_in(&app, &parts.headers, body).await;
    let result = match &outcome {
        Ok(response) => response.status().as_str().to_owned(),
        Err(problem) => problem.code.clone(),
    };
    metrics::counter!("webhooks_total", "result" => result).increment(1);
    outcome
}

async fn take_in(app: &PublicState, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let (event, delivery_guid) = names(headers)?;
    let signature = headers.get(SIGNATURE).map(|value| value.to_str().unwrap_or_default());
    let held = app.webhooks.bounds.read(headers, body).await;
    let held = held.map_err(|cut| cut.into_problem("A webhook has at most 25 MB", FULL))?;
    vault::verify_github_signature(signature, &held.bytes, &app.webhooks.secrets).map_err(|problem| {
        Problem::unauthorized("bad_signature", "The signature was refused").with_detail(problem.to_string())
    })?;
    if !is_json(headers) {
        let problem =
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Webhooks are taken as JSON");
        return Err(problem.with_field("header.Content-Type", "must be application/json"));
    }
    event::check(&event, &held.bytes).map_err(|misfit| unfit(&misfit, &event))?;
    let caller = Caller::Webhook { event, delivery_guid };
    let uri = http::Uri::from_static(INTERNAL_PATH);
    let request = passed_on(http::Method::POST, uri, headers, &[CONTENT_TYPE], held.bytes.clone());
    let stored = async {
        let answer = app.control.send(caller, request, PATIENCE).await?;
        let status = answer.status();
        Ok::<_, crate::agents::Unreachable>((status, read(answer.into_body()).await?))
    };
    match tokio::time::timeout(PATIENCE, stored).await {
        Ok(Ok((status, bytes))) if !is_no_answer(status) => Ok(passed_back(status, bytes)),
        Ok(Ok((status, _))) => Err(not_stored(&format!("it answered {status}"))),
        Ok(Err(error)) => Err(not_stored(&error.0)),
        Err(_) => Err(not_stored("no answer in time")),
    }
}

/// Event and delivery id, which must both be there.
fn names(headers: &HeaderMap) -> Result<(String, String), Problem> {
    let read = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        (1..=NAME_LIMIT).contains(&value.len()).then(|| value.to_owned())
    };
    match (read(EVENT), read(DELIVERY)) {
        (Some(event), Some(delivery)) => Ok((event, delivery)),
        (event, delivery) => {
            let mut problem = Problem::bad_request("missing_header", "A webhook says its event and its delivery id");
            for (given, name) in [(event, "X-GitHub-Event"), (delivery, "X-GitHub-Delivery")] {
                if given.is_none() {
                    problem = problem.with_field(format!("header.{name}"), "is required, 1 to 100 visible characters");
                }
            }
            Err(problem)
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn unfit(misfit: &Misfit, event: &str) -> Problem {
    match misfit {
        Misfit::Malformed => Problem::bad_request("malformed_json", "The body is not a JSON object that can be read"),
        Misfit::Mismatch => Problem::bad_request("event_mismatch", "The payload does not fit the event")
            .with_field("header.X-GitHub-Event", format!("`{}` has another payload", event.escape_default())),
    }
}

fn passed_back(status: StatusCode, bytes: bytes::Bytes) -> Response {
    let media = if status.is_success() { "application/json" } else { contract::problem::MEDIA_TYPE };
    (status, [(CONTENT_TYPE, media)], bytes).into_response()
}

fn not_stored(why: &str) -> Problem {
    tracing::warn!(why, "a delivery was not stored");
    Problem::unavailable("not_stored", "The delivery was not stored; it is taken in later from GitHub's log")
}
