//! An API server that knows one small environment in each namespace: it gives tokens of the accounts that looks and changes
//! are made as, shows a namespace's objects to whoever brings a token of that namespace, and lets those that may change them.

mod objects;

use std::convert::Infallible;

use cluster::{Cluster, Looker};
use http::header::{ACCEPT, AUTHORIZATION};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::nowhere;
use objects::Objects;

/// The objects in the namespaces of runs.
#[derive(Clone, Default)]
pub struct Environment(Objects);

impl Environment {
    /// Puts an object into a namespace, as somebody else would: `configmaps/settings`.
    pub fn put(&self, namespace: &str, place: &str, object: Value) {
        self.0.put(&format!("{namespace}/{place}"), object);
    }

    /// An object of a namespace.
    #[must_use]
    pub fn get(&self, namespace: &str, place: &str) -> Option<Value> {
        self.0.get(&format!("{namespace}/{place}"))
    }

    /// Takes an object out of a namespace.
    pub fn take(&self, namespace: &str, place: &str) {
        self.0.take(&format!("{namespace}/{place}"));
    }

    /// Looks at it as the control-plane does: one client asks for tokens and may see nothing, the other has no account.
    pub(crate) fn looker(&self) -> Looker {
        let tokens = client(|request, _| tokens(request, &["agent", "agent-tries"]));
        Looker::new(tokens, self.bare())
    }

    /// The cluster that a worker has: beside the objects of this environment, there is nothing in it.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        Cluster::new(nowhere::client(|request| tokens(request, &["agent-changes"])), self.bare())
    }

    fn bare(&self) -> Client {
        let objects = self.0.clone();
        client(move |request, body| answered(&objects, request, body))
    }
}

/// A client whose every request is answered by this.
fn client(answer: impl Fn(&Parts, &Value) -> Answer + Clone + Send + Sync + 'static) -> Client {
    let service = move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect_bytes().await.unwrap_or_default();
            let body = serde_json::from_slice(&bytes).unwrap_or_default();
            Ok::<_, Infallible>(response(answer(&parts, &body)))
        }
    };
    Client::new(tower::service_fn(service), "default")
}

pub(crate) type Answer = (StatusCode, Value);

pub(crate) fn response((status, body): Answer) -> Response<Body> {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let mut response = Response::new(Body::from(text.into_bytes()));
    *response.status_mut() = status;
    response
}

/// Tokens of these accounts, and nothing else.
fn tokens(request: &Parts, accounts: &[&str]) -> Answer {
    let path: Vec<_> = request.uri.path().trim_matches('/').split('/').collect();
    match (&request.method, path.as_slice()) {
        (&Method::POST, ["api", "v1", "namespaces", namespace, "serviceaccounts", account, "token"])
            if accounts.contains(account) =>
        {
            let status =
                json!({ "token": format!("{account}-of-{namespace}"), "expirationTimestamp": "2026-11-22T10:10:00Z" });
            (StatusCode::CREATED, json!({ "spec": { "audiences": [] }, "status": status }))
        }
        _ => refused(403, "this account asks for tokens and nothing else"),
    }
}

fn answered(objects: &Objects, request: &Parts, body: &Value) -> Answer {
    let path = request.uri.path().trim_matches('/');
    let Some((namespace, rest)) = path.split_once("/namespaces/").and_then(|(_, rest)| rest.split_once('/')) else {
        return refused(403, "no namespace is named");
    };
    let bearer = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let whose = bearer.strip_prefix("Bearer ").and_then(|token| token.strip_suffix(&format!("-of-{namespace}")));
    match whose {
        Some("agent") => shown(request, namespace, rest),
        Some(account @ ("agent-tries" | "agent-changes")) => {
            objects.asked(account == "agent-tries", request, &format!("{namespace}/{rest}"), body)
        }
        _ => refused(401, "Unauthorized"),
    }
}

/// What the run's own account is shown.
fn shown(request: &Parts, namespace: &str, rest: &str) -> Answer {
    let asks_for = |what: &str| request.uri.query().is_some_and(|query| query.split('&').any(|part| part == what));
    let form = request.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match rest {
        "pods" if form.contains("as=Table") && asks_for("labelSelector=app%3Dweb") && asks_for("limit=50") => {
            (StatusCode::OK, table())
        }
        "pods/web" => (StatusCode::OK, pod(namespace, "web")),
        "pods/run-456789ab-l1-x7z2k" => (StatusCode::OK, pod(namespace, "run-456789ab-l1-x7z2k")),
        "pods/web/log" if asks_for("tailLines=2") && asks_for("container=web") => {
            (StatusCode::OK, json!(format!("listening on 8080\nkey sk-proj-{}\n", "a1B2".repeat(12))))
        }
        "events" if asks_for("fieldSelector=involvedObject.kind%3DPod%2CinvolvedObject.name%3Dweb") => {
            (StatusCode::OK, json!({ "metadata": {}, "items": [event()] }))
        }
        "configmaps/large" => (StatusCode::OK, json!({ "data": { "page": "x".repeat(70_000) } })),
        "pods/starting/log" => refused(400, "container \"web\" in pod \"starting\" is waiting to start"),
        "pods/far" => refused(503, "the API server is on its way out"),
        "deployments" => {
            refused(403, "deployments.apps is forbidden: User \"agent\" cannot list resource \"deployments\"")
        }
        _ => refused(404, "not found"),
    }
}

fn refused(code: u16, message: &str) -> Answer {
    let status = StatusCode::from_u16(code).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default().replace(' ', "");
    (status, json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message }))
}

fn table() -> Value {
    json!({
        "kind": "Table", "metadata": {},
        "columnDefinitions": [{ "name": "Name", "priority": 0 }, { "name": "Status", "priority": 0 }],
        "rows": [{ "cells": ["web", "Running"], "object": { "metadata": { "labels": { "app": "web" } } } }],
    })
}

fn pod(namespace: &str, name: &str) -> Value {
    json!({
        "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "managedFields": [{ "manager": "kubectl" }] },
        "status": { "phase": "Running" },
    })
}

fn event() -> Value {
    json!({
        "metadata": {}, "involvedObject": { "kind": "Pod", "name": "web" }, "reason": "Scheduled", "type": "Normal",
        "message": "assigned", "lastTimestamp": "2026-11-22T10:00:00Z",
    })
}
