//! An API server as stories need it. It keeps objects as the real one would, gives tokens of the accounts that looks and
//! changes are made as, and lets each account do what it may. Runs find no place in it, and nothing ever happens to them.

mod objects;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cluster::manifests::{AGENT_ACCOUNT, CHANGING_ACCOUNT, TRYING_ACCOUNT};
use cluster::{Cluster, Looker};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use objects::Objects;

/// The API server.
#[derive(Clone, Default)]
pub struct Kubernetes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: Objects,
    /// Namespaces where the accounts of changes have to be made first.
    untouched: BTreeSet<String>,
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

/// Who a client is without a token of a run's account.
#[derive(Clone, Copy)]
enum Own {
    Worker,
    ControlPlane,
}

impl Own {
    /// The accounts of runs that it may have tokens of.
    const fn becomes(self) -> &'static [&'static str] {
        match self {
            Self::Worker => &[CHANGING_ACCOUNT],
            Self::ControlPlane => &[AGENT_ACCOUNT, TRYING_ACCOUNT],
        }
    }
}

type Answer = (StatusCode, Value);

impl Kubernetes {
    /// For a worker.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        Cluster::new(self.client(Some(Own::Worker)), self.client(None))
    }

    /// For the control-plane.
    pub(crate) fn looker(&self) -> Looker {
        Looker::new(self.client(Some(Own::ControlPlane)), self.client(None))
    }

    /// Puts an object into a namespace, as somebody else would: `configmaps/settings`.
    pub fn put(&self, namespace: &str, place: &str, object: Value) {
        self.state().objects.put(&format!("{namespace}/{place}"), object);
    }

    /// An object of a namespace.
    #[must_use]
    pub fn get(&self, namespace: &str, place: &str) -> Option<Value> {
        self.state().objects.get(&format!("{namespace}/{place}")).cloned()
    }

    /// Takes an object out of a namespace.
    pub fn take(&self, namespace: &str, place: &str) {
        self.state().objects.take(&format!("{namespace}/{place}"));
    }

    /// A namespace that a worker has made.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<Value> {
        self.state().objects.get(name).cloned()
    }

    /// Nobody has tried a change in this namespace yet, so it has no accounts for that but those that somebody makes.
    pub fn leave_untouched(&self, namespace: &str) {
        self.state().untouched.insert(namespace.to_owned());
    }

    /// The values of a Secret, by key; `None` when there is none.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Option<BTreeMap<String, String>> {
        let secret = self.get(namespace, &format!("secrets/{name}"))?;
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

    fn client(&self, own: Option<Own>) -> Client {
        let server = self.clone();
        let service = move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(response(server.answer(own, request).await)) }
        };
        Client::new(tower::service_fn(service), "default")
    }

    async fn answer(&self, own: Option<Own>, request: Request<Body>) -> Answer {
        let (request, body) = request.into_parts();
        if request.uri.query().is_some_and(|query| query.contains("watch=true")) {
            std::future::pending::<()>().await;
        }
        let body = body.collect_bytes().await.unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let (is_frozen, answer) = {
            let mut state = self.state();
            let is_meant =
                |freeze: &mut Freeze| freeze.method == request.method && request.uri.path().ends_with(&freeze.path);
            let frozen = state.freeze.take_if(is_meant);
            state.is_frozen |= frozen.is_some();
            let is_done = frozen.as_ref().is_none_or(|freeze| freeze.does_it);
            (frozen.is_some(), is_done.then(|| state.act(own, &request, body)))
        };
        match answer {
            Some(answer) if !is_frozen => answer,
            _ => std::future::pending().await,
        }
    }
}

impl State {
    fn act(&mut self, own: Option<Own>, request: &Parts, body: Value) -> Answer {
        let path = request.uri.path();
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        match (own, parts.as_slice()) {
            (Some(own), ["api", "v1", "namespaces", namespace, "serviceaccounts", account, "token"]) => {
                self.token(own, namespace, account)
            }
            (Some(Own::Worker), _) => self.objects.by_worker(&request.method, path, body),
            (Some(Own::ControlPlane), _) => refused(403, "this account asks for tokens and nothing else"),
            (None, _) => self.by_account(request, &body),
        }
    }

    fn token(&self, own: Own, namespace: &str, account: &str) -> Answer {
        if !own.becomes().contains(&account) {
            return refused(403, "this is not an account that you may be");
        }
        if account != AGENT_ACCOUNT && !self.has(namespace, &format!("serviceaccounts/{account}")) {
            return refused(404, "there is no such account");
        }
        let status =
            json!({ "token": format!("{account}-of-{namespace}"), "expirationTimestamp": "2026-11-22T10:10:00Z" });
        (StatusCode::CREATED, json!({ "spec": { "audiences": [] }, "status": status }))
    }

    /// Whether this is there of what changes are made with.
    fn has(&self, namespace: &str, place: &str) -> bool {
        !self.untouched.contains(namespace) || self.objects.get(&format!("{namespace}/{place}")).is_some()
    }

    /// What a run's account is told, in its own namespace alone.
    fn by_account(&mut self, request: &Parts, body: &Value) -> Answer {
        let place = objects::place_of(request.uri.path());
        let (namespace, rest) = place.split_once('/').unwrap_or((place, ""));
        let bearer = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let whose = bearer.strip_prefix("Bearer ").and_then(|token| token.strip_suffix(&format!("-of-{namespace}")));
        match whose {
            Some(AGENT_ACCOUNT) => shown::to_the_agent(request, namespace, rest),
            Some(TRYING_ACCOUNT | CHANGING_ACCOUNT) if !self.has(namespace, "rolebindings/codex-k8s-run-change") => {
                refused(403, "User \"agent\" cannot get resource \"configmaps\"")
            }
            Some(account @ (TRYING_ACCOUNT | CHANGING_ACCOUNT)) => {
                self.objects.by_account(account == TRYING_ACCOUNT, request, place, body)
            }
            _ => refused(401, "Unauthorized"),
        }
    }
}

fn response((status, body): Answer) -> Response<Body> {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let mut response = Response::new(Body::from(text.into_bytes()));
    *response.status_mut() = status;
    response
}

fn refused(code: u16, message: &str) -> Answer {
    let status = StatusCode::from_u16(code).unwrap_or_default();
    let reason = match message {
        objects::EXISTS => "AlreadyExists".to_owned(),
        _ => status.canonical_reason().unwrap_or_default().replace(' ', ""),
    };
    (status, json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message }))
}
