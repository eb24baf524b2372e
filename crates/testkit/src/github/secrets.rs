//! Secrets of environments, as GitHub takes them: a box sealed for the environment's public key. Only the stand-in's own
//! front opens one again.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Mutex,
};

use axum::{
    Json,
    extract::{Path, State as Extracted},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use crypto_box::{SecretKey, aead::OsRng};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    emulator::lock,
    proxy::Refusal,
    server::{Shared, State},
    settings,
};

/// Secrets of all environments, by repository and environment.
#[derive(Debug, Default)]
pub(super) struct Secrets(Mutex<HashMap<(String, String), OfEnvironment>>);

struct OfEnvironment {
    key: SecretKey,
    secrets: BTreeMap<String, Kept>,
}

impl fmt::Debug for OfEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.secrets.keys()).finish()
    }
}

struct Kept {
    sealed: Vec<u8>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Secrets {
    fn with<T>(&self, repository: &str, environment: &str, act: impl FnOnce(&mut OfEnvironment) -> T) -> T {
        let mut all = lock(&self.0);
        let new = || OfEnvironment { key: SecretKey::generate(&mut OsRng), secrets: BTreeMap::new() };
        act(all.entry((repository.to_owned(), environment.to_owned())).or_insert_with(new))
    }

    /// The value in a secret's box.
    pub(super) fn opened(&self, repository: &str, environment: &str, name: &str) -> Option<String> {
        self.with(repository, environment, |of| {
            let opened = of.key.unseal(&of.secrets.get(name)?.sealed).ok()?;
            String::from_utf8(opened).ok()
        })
    }
}

impl OfEnvironment {
    fn key_id(&self) -> String {
        // GitHub's are numbers; all that matters is that another key has another.
        let key = self.key.public_key();
        u64::from_be_bytes(key.as_bytes()[..8].try_into().unwrap_or_default()).to_string()
    }
}

/// Lets through who may, when somebody has made the environment; answers the repository's full name.
async fn permit(
    state: &State,
    method: &Method,
    (owner, repository, environment): (&str, &str, &str),
    headers: &HeaderMap,
) -> Result<String, Refusal> {
    let what = format!("environments/{environment}/secrets");
    let name = settings::permit(state, method, (owner, repository), &what, headers).await?;
    if state.settings.has_environment(&name, environment) { Ok(name) } else { Err(Refusal::not_found()) }
}

fn shown(name: &str, kept: &Kept) -> Value {
    json!({"name": name, "created_at": kept.created_at, "updated_at": kept.updated_at})
}

/// `GET …/environments/{name}/secrets`.
pub(super) async fn list(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, environment)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = permit(&state, &Method::GET, (&owner, &repository, &environment), &headers).await?;
    let all: Vec<Value> =
        state.secrets.with(&name, &environment, |of| of.secrets.iter().map(|(name, kept)| shown(name, kept)).collect());
    Ok(Json(json!({"total_count": all.len(), "secrets": all})).into_response())
}

/// `GET …/environments/{name}/secrets/public-key`.
pub(super) async fn public_key(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, environment)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = permit(&state, &Method::GET, (&owner, &repository, &environment), &headers).await?;
    let key = state.secrets.with(
        &name,
        &environment,
        |of| json!({"key_id": of.key_id(), "key": STANDARD.encode(of.key.public_key().as_bytes())}),
    );
    Ok(Json(key).into_response())
}

/// `GET …/environments/{name}/secrets/{secret}`.
pub(super) async fn show(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, environment, secret)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = permit(&state, &Method::GET, (&owner, &repository, &environment), &headers).await?;
    let found = state.secrets.with(&name, &environment, |of| of.secrets.get(&secret).map(|kept| shown(&secret, kept)));
    found.map(|one| Json(one).into_response()).ok_or_else(Refusal::not_found)
}

/// A value, sealed.
#[derive(Debug, Deserialize)]
pub(super) struct NewSecret {
    encrypted_value: String,
    key_id: String,
}

/// `PUT …/environments/{name}/secrets/{secret}`.
pub(super) async fn put(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, environment, secret)): Path<(String, String, String, String)>,
    headers: HeaderMap,
    Json(new): Json<NewSecret>,
) -> Result<Response, Refusal> {
    let name = permit(&state, &Method::PUT, (&owner, &repository, &environment), &headers).await?;
    state.secrets.with(&name, &environment, |of| {
        let sealed = STANDARD.decode(&new.encrypted_value).unwrap_or_default();
        if new.key_id != of.key_id() || of.key.unseal(&sealed).is_err() {
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Bad request - improperly encrypted secret"));
        }
        let now = Utc::now();
        let is_new = !of.secrets.contains_key(&secret);
        let kept =
            of.secrets.entry(secret).or_insert_with(|| Kept { sealed: Vec::new(), created_at: now, updated_at: now });
        (kept.sealed, kept.updated_at) = (sealed, now);
        let created = (StatusCode::CREATED, Json(json!({})));
        Ok(if is_new { created.into_response() } else { StatusCode::NO_CONTENT.into_response() })
    })
}
