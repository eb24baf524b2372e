//! What the gateway's brokers need while they act for a run.

use anyhow::Context;
use axum::Json;
use axum::extract::State;
use contract::internal::{BrokerEvent, BrokerEventKind, DecoySighting, ForgeCredential, ModelCall, ModelLimit};
use contract::problem::Problem;
use domain::canary::Place;
use domain::flow::FlowKind;
use domain::limits::model_pause;
use http::StatusCode;
use serde_json::Value;
use store::egress_grants::Traffic;
use store::usage::{self, Call};
use store::{egress_grants, flow, repositories, runs};

use super::ForRun;
use crate::decoy::{self, Seen};
use crate::error::{ApiError, no_such};
use crate::github;
use crate::state::App;

/// The actor in the audit.
pub(super) const GATEWAY: &str = "system:gateway";

/// (as run) The credential for one brokered git request
#[utoipa::path(post, path = "/internal/v1/run/forge-credential",
    responses((status = 200, body = ForgeCredential),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn release_forge_credential(
    State(app): State<App>,
    of: ForRun,
) -> Result<Json<ForgeCredential>, ApiError> {
    let repository = runs::report::repository(&app.pool, of.run, of.launch).await?.ok_or_else(|| no_such("run"))?;
    let row = repositories::get(&app.pool, repository).await?.ok_or_else(|| no_such("repository"))?;
    let token = github::token(&app, row.id, &row.token_sealed)?;
    let git_url = format!("{}/{}.git", app.github_git_url.as_str().trim_end_matches('/'), row.full_name);
    Ok(Json(ForgeCredential { git_url, username: row.bot_login, token: token.into() }))
}

/// (as run) What a model call used
#[utoipa::path(post, path = "/internal/v1/run/model-calls", request_body = ModelCall,
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn record_model_call(
    State(app): State<App>,
    of: ForRun,
    Json(call): Json<ModelCall>,
) -> Result<StatusCode, ApiError> {
    let call = Call {
        call_id: call.call_id,
        run: of.run,
        launch: of.launch,
        model: &call.model,
        input_tokens: call.input_tokens,
        cached_input_tokens: call.cached_input_tokens,
        output_tokens: call.output_tokens,
        estimated: call.estimated,
    };
    usage::record(&app.pool, &call).await?;
    app.waker.run(of.run.into());
    Ok(StatusCode::NO_CONTENT)
}

/// (as run) The model answered a call with a limit; forgotten with the next call that goes well
#[utoipa::path(post, path = "/internal/v1/run/model-limits", request_body = ModelLimit,
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn record_model_limit(
    State(app): State<App>,
    of: ForRun,
    Json(limit): Json<ModelLimit>,
) -> Result<StatusCode, ApiError> {
    let pause = model_pause(limit.retry_after_seconds, &limit.code);
    usage::limited(&app.pool, of.run, of.launch, pause).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// (as run) Something the gateway refused the run, or did for it
#[utoipa::path(post, path = "/internal/v1/run/broker-events", request_body = BrokerEvent,
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn record_broker_event(
    State(app): State<App>,
    of: ForRun,
    Json(event): Json<BrokerEvent>,
) -> Result<StatusCode, ApiError> {
    let kind: FlowKind = event.kind.to_string().parse().context("a broker event of an unknown kind")?;
    let traffic = traffic(of, &event);
    let entry = flow::Entry { id: event.event_id, ..flow::Entry::new(kind, GATEWAY, event.data.into()) };
    match traffic {
        Some(traffic) => egress_grants::count(&app.pool, traffic, entry).await?,
        None => drop(flow::append(&app.pool, of.run, &entry).await?),
    }
    app.waker.run(of.run.into());
    Ok(StatusCode::NO_CONTENT)
}

/// What went through a tunnel that has ended; `None` of any other event.
fn traffic(of: ForRun, event: &BrokerEvent) -> Option<Traffic> {
    let bytes = |name: &str| event.data.get(name).and_then(Value::as_i64);
    let ended = event.kind == BrokerEventKind::EgressClosed;
    let host = event.data.get("host").and_then(Value::as_str).filter(|_| ended)?;
    Some(Traffic { run: of.run, host: host.to_owned(), sent: bytes("sent")?, received: bytes("received")? })
}

/// (as run) The run's decoy turned up in what the run sent
#[utoipa::path(post, path = "/internal/v1/run/decoy-sightings", request_body = DecoySighting,
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn record_decoy_sighting(
    State(app): State<App>,
    of: ForRun,
    Json(sighting): Json<DecoySighting>,
) -> Result<StatusCode, ApiError> {
    let place: Place = sighting.place.to_string().parse().context("a decoy was seen at an unknown place")?;
    let look = sighting.look.to_string();
    let seen = Seen { place, look: &look, subject: &sighting.subject, excerpt: &sighting.excerpt, by: GATEWAY };
    decoy::trip(&app, of, &seen).await?;
    Ok(StatusCode::NO_CONTENT)
}
