//! `/repos/{owner}/{repo}/hooks…`: hooks are registered in the emulator with an address of the front, so that the front
//! sees every event; callers see the address they gave.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    Json,
    extract::{Path, Query, State as Extracted},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    deliveries::{self, Delivery, Hook},
    emulator::lock,
    proxy::{self, Refusal},
    server::{Shared, State},
    translate,
};

/// Hooks by their key in the address the emulator knows.
#[derive(Debug, Default)]
pub(super) struct Hooks(Mutex<HashMap<String, Hook>>);

impl Hooks {
    fn by_id(&self, id: u64) -> Option<(String, Hook)> {
        lock(&self.0).iter().find(|(_, hook)| hook.id == id).map(|(key, hook)| (key.clone(), hook.clone()))
    }

    pub(super) fn of_repository(&self, repository: &str) -> Vec<Hook> {
        lock(&self.0).values().filter(|hook| hook.repository == repository).cloned().collect()
    }
}

type RepositoryPath = Path<(String, String)>;
type HookPath = Path<(String, String, u64)>;

/// A permitted caller's way to one repository's hooks.
struct Access<'a> {
    state: &'a State,
    upstream: Option<String>,
    path: String,
}

impl<'a> Access<'a> {
    async fn of(
        state: &'a State,
        method: &Method,
        owner: &str,
        repository: &str,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let path = format!("/repos/{owner}/{repository}/hooks");
        let caller = proxy::admit(state, method, &path, headers).await?;
        Ok(Self { state, upstream: caller.map(|caller| caller.upstream), path })
    }

    /// The emulator's answer, which also decides whether the caller may do this.
    async fn call(&self, method: Method, rest: &str, body: &Value) -> Result<Value, Refusal> {
        let path = format!("{}{rest}", self.path);
        let answer = self.state.emulator.call(method, &path, self.upstream.as_deref(), body).await?;
        match answer.status {
            status if status.is_success() => Ok(answer.json()),
            // GitHub does not tell those who may not see hooks whether there are any.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Err(Refusal::not_found()),
            status => Err(Refusal::new(status, answer.json()["message"].as_str().unwrap_or_default())),
        }
    }

    /// The hook with the address its owner knows.
    fn shown(&self, mut hook: Value) -> Value {
        if let Some((_, known)) = hook["id"].as_u64().and_then(|id| self.state.hooks.by_id(id)) {
            hook["config"]["url"] = json!(known.url);
            hook["events"] = json!(known.events);
            if known.secret.is_some() {
                hook["config"]["secret"] = json!("********");
            }
        }
        hook
    }
}

fn asked_events(body: &Value) -> Option<Vec<String>> {
    Some(body["events"].as_array()?.iter().filter_map(|event| Some(event.as_str()?.to_owned())).collect())
}

/// `GET …/hooks`.
pub(super) async fn list(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository)): RepositoryPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = Access::of(&state, &Method::GET, &owner, &repository, &headers).await?;
    let hooks = access.call(Method::GET, "?per_page=100", &Value::Null).await?;
    let hooks: Vec<Value> = hooks.as_array().into_iter().flatten().map(|hook| access.shown(hook.clone())).collect();
    Ok(Json(hooks).into_response())
}

/// `POST …/hooks`: registers one and pings it.
pub(super) async fn create(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository)): RepositoryPath,
    headers: HeaderMap,
    Json(mut body): Json<Value>,
) -> Result<Response, Refusal> {
    let access = Access::of(&state, &Method::POST, &owner, &repository, &headers).await?;
    let full_name = format!("{owner}/{repository}");
    let Some(url) = body["config"]["url"].as_str().map(str::to_owned) else {
        return Err(Refusal::invalid(json!({"resource": "Hook", "field": "url", "code": "missing_field"})));
    };
    if state.hooks.of_repository(&full_name).iter().any(|hook| hook.url == url) {
        let message = "Hook already exists on this repository";
        return Err(Refusal::invalid(json!({"resource": "Hook", "code": "custom", "message": message})));
    }
    let path = format!("/repos/{full_name}");
    let about = state.emulator.call(Method::GET, &path, access.upstream.as_deref(), &Value::Null).await?.json();
    let key = uuid::Uuid::new_v4().simple().to_string();
    let secret = body["config"]["secret"].as_str().map(str::to_owned);
    body["config"]["url"] = json!(format!("{}/_front/capture/{key}", state.capture_base));
    let events = asked_events(&body).unwrap_or_else(|| vec!["push".to_owned()]);
    body["events"] = json!(translate::events_to_catch(&events));
    let made = access.call(Method::POST, "", &body).await?;
    let id = made["id"].as_u64().unwrap_or_default();
    lock(&state.hooks.0).insert(key, Hook { id, repository: full_name, about, url, secret, events });
    access.call(Method::POST, &format!("/{id}/pings"), &Value::Null).await?;
    Ok((StatusCode::CREATED, Json(access.shown(made))).into_response())
}

/// `GET …/hooks/{id}`.
pub(super) async fn show(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, id)): HookPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = Access::of(&state, &Method::GET, &owner, &repository, &headers).await?;
    let hook = access.call(Method::GET, &format!("/{id}"), &Value::Null).await?;
    Ok(Json(access.shown(hook)).into_response())
}

/// `PATCH …/hooks/{id}`.
pub(super) async fn update(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, id)): HookPath,
    headers: HeaderMap,
    Json(mut body): Json<Value>,
) -> Result<Response, Refusal> {
    let access = Access::of(&state, &Method::PATCH, &owner, &repository, &headers).await?;
    let (key, mut hook) = state.hooks.by_id(id).ok_or_else(Refusal::not_found)?;
    if let Some(config) = body.get_mut("config").filter(|config| config.is_object()) {
        if let Some(url) = config["url"].as_str() {
            hook.url = url.to_owned();
        }
        if let Some(secret) = config["secret"].as_str() {
            hook.secret = Some(secret.to_owned());
        }
        config["url"] = json!(format!("{}/_front/capture/{key}", state.capture_base));
    }
    if let Some(events) = asked_events(&body) {
        body["events"] = json!(translate::events_to_catch(&events));
        hook.events = events;
    }
    let updated = access.call(Method::PATCH, &format!("/{id}"), &body).await?;
    lock(&state.hooks.0).insert(key, hook);
    Ok(Json(access.shown(updated)).into_response())
}

/// `DELETE …/hooks/{id}`.
pub(super) async fn delete(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, id)): HookPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = Access::of(&state, &Method::DELETE, &owner, &repository, &headers).await?;
    access.call(Method::DELETE, &format!("/{id}"), &Value::Null).await?;
    if let Some((key, _)) = state.hooks.by_id(id) {
        lock(&state.hooks.0).remove(&key);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Which part of the delivery log.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    per_page: Option<usize>,
    cursor: Option<u64>,
    /// `success` or `failure`.
    status: Option<String>,
}

/// `GET …/hooks/{id}/deliveries`: newest first, with a cursor in `Link` and the page's state in `ETag`.
pub(super) async fn deliveries(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, id)): HookPath,
    Query(window): Query<Window>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = Access::of(&state, &Method::GET, &owner, &repository, &headers).await?;
    access.call(Method::GET, &format!("/{id}"), &Value::Null).await?;
    let size = window.per_page.unwrap_or(30).clamp(1, 100);
    let fits = |one: &Delivery| {
        let ok = one.summary()["status"] == "OK";
        window.cursor.is_none_or(|cursor| one.id < cursor)
            && window.status.as_deref().is_none_or(|status| (status == "success") == ok)
    };
    let fitting: Vec<Delivery> = state.deliveries.of_hook(id).into_iter().filter(fits).collect();
    let page = &fitting[..size.min(fitting.len())];
    let page: Vec<_> = page.iter().map(Delivery::summary).collect();
    let state_now = format!("\"{}\"", hex::encode(Sha256::digest(json!(page).to_string())));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == state_now.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let more = fitting.get(size).and_then(|_| fitting.get(size - 1));
    let mut response = Json(page).into_response();
    if let Ok(tag) = HeaderValue::try_from(state_now) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if let Some(last) = more {
        let status = window.status.map(|status| format!("&status={status}")).unwrap_or_default();
        let path = format!("{}{}/{id}/deliveries", state.base_url, access.path);
        let link = format!("<{path}?per_page={size}{status}&cursor={}>; rel=\"next\"", last.id);
        if let Ok(link) = HeaderValue::try_from(link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// `GET …/hooks/{id}/deliveries/{delivery}`: with headers and payload.
pub(super) async fn delivery(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, id, delivery)): Path<(String, String, u64, u64)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = Access::of(&state, &Method::GET, &owner, &repository, &headers).await?;
    access.call(Method::GET, &format!("/{id}"), &Value::Null).await?;
    let delivery = state.deliveries.get(id, delivery).ok_or_else(Refusal::not_found)?;
    Ok(Json(delivery.detail()).into_response())
}

/// `POST …/hooks/{id}/deliveries/{delivery}/attempts`: sends it again.
pub(super) async fn redeliver(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, id, delivery)): Path<(String, String, u64, u64)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = Access::of(&state, &Method::POST, &owner, &repository, &headers).await?;
    access.call(Method::GET, &format!("/{id}"), &Value::Null).await?;
    let old = state.deliveries.get(id, delivery).ok_or_else(Refusal::not_found)?;
    let (_, hook) = state.hooks.by_id(id).ok_or_else(Refusal::not_found)?;
    let state = state.clone();
    tokio::spawn(async move { deliveries::redeliver(&state, old, hook).await });
    Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response())
}

/// `POST /_front/capture/{key}`: where the emulator sends events. The real delivery happens after the answer, because
/// GitHub does not make the one who caused an event wait for its receivers.
pub(super) async fn capture(
    Extracted(state): Extracted<Shared>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Json(payload): Json<Value>,
) -> StatusCode {
    let Some(hook) = lock(&state.hooks.0).get(&key).cloned() else { return StatusCode::GONE };
    let event = headers.get("x-github-event").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    tokio::spawn(async move { deliveries::deliver(&state, hook, &event, payload).await });
    StatusCode::OK
}
