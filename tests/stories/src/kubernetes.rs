//! A cluster that keeps the objects of environments, as the API server would: names are taken once, and what is written
//! over has to be as it was read. Runs find no place in it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cluster::Cluster;
use http::{Method, Request, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::environment::{Answer, response};
use crate::nowhere::version;

/// The cluster.
#[derive(Clone, Default)]
pub struct Kubernetes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By path.
    objects: BTreeMap<String, Value>,
    writes: u64,
    freeze: Option<Freeze>,
    is_frozen: bool,
}

/// A request that is never answered.
#[derive(Clone)]
struct Freeze {
    method: Method,
    path: String,
    does_it: bool,
}

impl Kubernetes {
    /// For a worker.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        let state = self.clone();
        let service = move |request: Request<Body>| {
            let state = state.clone();
            async move { Ok::<_, Infallible>(response(state.answer(request).await)) }
        };
        let client = Client::new(tower::service_fn(service), "default");
        Cluster::new(client.clone(), client)
    }

    /// An object by its path, as `/api/v1/namespaces/a/secrets/b`.
    #[must_use]
    pub fn object(&self, path: &str) -> Option<Value> {
        self.state().objects.get(path).cloned()
    }

    /// Puts an object there that somebody else has made.
    pub fn put(&self, path: &str, object: Value) {
        self.state().objects.insert(path.to_owned(), object);
    }

    /// The values of a Secret, by key; `None` when there is none.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Option<BTreeMap<String, String>> {
        let secret = self.object(&format!("/api/v1/namespaces/{namespace}/secrets/{name}"))?;
        let data = secret["data"].as_object()?.iter().map(|(key, value)| {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
            (key.clone(), String::from_utf8_lossy(&bytes).into_owned())
        });
        Some(data.collect())
    }

    /// The next request of this method to a path that ends like this is never answered, whether it is done or not.
    pub fn freeze(&self, method: Method, path: &str, does_it: bool) {
        self.state().freeze = Some(Freeze { method, path: path.to_owned(), does_it });
    }

    /// Whether somebody waits for the answer to that request.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.state().is_frozen
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
            // Nothing ever happens to runs.
            std::future::pending::<()>().await;
        }
        let body = request.into_body().collect_bytes().await.unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (is_frozen, answer) = {
            let mut state = self.state();
            let frozen = state.freeze.take_if(|freeze| freeze.method == method && path.ends_with(&freeze.path));
            state.is_frozen |= frozen.is_some();
            let is_done = frozen.as_ref().is_none_or(|freeze| freeze.does_it);
            (frozen.is_some(), is_done.then(|| state.act(&method, &path, body)))
        };
        match answer {
            Some(answer) if !is_frozen => answer,
            _ => std::future::pending().await,
        }
    }
}

impl State {
    fn act(&mut self, method: &Method, path: &str, body: Value) -> Answer {
        match *method {
            Method::GET if path == "/version" => (StatusCode::OK, version()),
            Method::GET if is_list(path) => {
                (StatusCode::OK, json!({ "metadata": { "resourceVersion": "1" }, "items": [] }))
            }
            Method::GET => match self.objects.get(path) {
                Some(object) => (StatusCode::OK, object.clone()),
                None => refused(404, "NotFound", "not found"),
            },
            Method::POST if body["metadata"]["labels"]["codex-k8s.dev/purpose"] == "environment" => {
                let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap_or_default());
                if self.objects.contains_key(&path) {
                    return refused(409, "AlreadyExists", "already exists");
                }
                self.keep(path, body)
            }
            Method::PATCH => self.keep(path.to_owned(), body),
            Method::PUT => match self.objects.get(path) {
                Some(there) if there["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"] => {
                    self.keep(path.to_owned(), body)
                }
                Some(_) => refused(409, "Conflict", "the object has been modified"),
                None => refused(404, "NotFound", "not found"),
            },
            _ => refused(403, "Forbidden", "nowhere"),
        }
    }

    fn keep(&mut self, path: String, mut object: Value) -> Answer {
        self.writes += 1;
        object["metadata"]["resourceVersion"] = json!(self.writes.to_string());
        self.objects.insert(path, object.clone());
        (StatusCode::OK, object)
    }
}

/// Whether a path names all objects of a kind.
fn is_list(path: &str) -> bool {
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let after = if parts[0] == "api" { 2 } else { 3 };
    match parts.get(after..) {
        Some(["namespaces", _, rest @ ..]) => rest.len() == 1,
        Some(rest) => rest.len() == 1,
        None => false,
    }
}

fn refused(code: u16, reason: &str, message: &str) -> Answer {
    let status = StatusCode::from_u16(code).unwrap_or_default();
    (status, json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message }))
}
