//! `/_front/…`: what tests may ask of the stand-in that GitHub would never offer.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Query, State as Extracted},
};
use http::StatusCode;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    deliveries::Delivery,
    faults::{Call, FaultSpec},
    proxy::Refusal,
    server::Shared,
    worlds::{self, WorldView},
};

fn bad(why: impl ToString) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, why.to_string())
}

/// `POST /_front/faults`.
pub(super) async fn inject(
    Extracted(state): Extracted<Shared>,
    Json(spec): Json<FaultSpec>,
) -> Result<StatusCode, Refusal> {
    state.faults.add(spec).map_err(bad)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /_front/reset`: forgets faults and the call log. Worlds stay: they do not disturb each other.
pub(super) async fn reset(Extracted(state): Extracted<Shared>) -> StatusCode {
    state.faults.clear();
    state.calls.clear();
    StatusCode::NO_CONTENT
}

/// Which calls.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    path_regex: Option<String>,
    method: Option<String>,
}

/// `GET /_front/requests`.
pub(super) async fn calls(
    Extracted(state): Extracted<Shared>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Call>>, Refusal> {
    let path = wanted.path_regex.as_deref().map(Regex::new).transpose().map_err(bad)?;
    Ok(Json(state.calls.matching(path.as_ref(), wanted.method.as_deref())))
}

/// `POST /_front/worlds`: an organisation, a filled private repository, people and tokens.
pub(super) async fn create_world(Extracted(state): Extracted<Shared>) -> Result<Json<WorldView>, Refusal> {
    Ok(Json(worlds::create(&state).await?))
}

/// A further repository for a world.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Further {
    world: WorldView,
    name: String,
}

/// `POST /_front/repositories`: a further repository in a world; answers with its id.
pub(super) async fn create_repository(
    Extracted(state): Extracted<Shared>,
    Json(further): Json<Further>,
) -> Result<Json<Value>, Refusal> {
    let world = &further.world;
    let id = worlds::add_repository(&state, &world.organisation, &further.name, &world.people).await?;
    Ok(Json(json!({"id": id})))
}

/// A token to make or end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenOrder {
    /// Whose token to make.
    login: Option<String>,
    /// What it may do (`{"contents": "read"}`); without it, all its owner may.
    permissions: Option<BTreeMap<String, String>>,
    /// A token to end.
    revoke: Option<String>,
}

/// `POST /_front/tokens`: makes a fine-grained token or ends one.
pub(super) async fn tokens(
    Extracted(state): Extracted<Shared>,
    Json(order): Json<TokenOrder>,
) -> Result<Json<Value>, Refusal> {
    if let Some(token) = &order.revoke {
        return Ok(Json(json!({"revoked": state.tokens.revoke(token)})));
    }
    let login = order.login.ok_or_else(|| bad("login or revoke is missing"))?;
    let token = format!("github_pat_{}", uuid::Uuid::new_v4().simple());
    state.tokens.add(&state.emulator, &token, &login, order.permissions).await?;
    Ok(Json(json!({"token": token})))
}

/// Which secret of an environment.
#[derive(Debug, Deserialize)]
pub(super) struct OfEnvironment {
    /// `owner/name`.
    repository: String,
    environment: String,
    name: String,
}

/// `GET /_front/secrets`: the value of a secret, which GitHub itself never shows; `null` when there is none.
pub(super) async fn opened_secret(
    Extracted(state): Extracted<Shared>,
    Query(wanted): Query<OfEnvironment>,
) -> Json<Option<String>> {
    Json(state.secrets.opened(&wanted.repository, &wanted.environment, &wanted.name))
}

/// Whose deliveries.
#[derive(Debug, Deserialize)]
pub(super) struct OfRepository {
    /// `owner/name`.
    repository: String,
    /// Waits until there are so many, 30 s at most.
    #[serde(default)]
    at_least: usize,
}

/// `GET /_front/deliveries`: every attempt with headers, payload and the raw bytes, oldest first.
pub(super) async fn deliveries(
    Extracted(state): Extracted<Shared>,
    Query(wanted): Query<OfRepository>,
) -> Json<Vec<Value>> {
    Json(state.deliveries.wait_for(&wanted.repository, wanted.at_least).await.iter().map(Delivery::raw).collect())
}
