//! An API server that knows one small environment in each namespace: it gives a token of the account `agent`, and shows
//! a namespace's objects to whoever brings the token of that namespace's account.

use std::convert::Infallible;
use std::future::ready;

use cluster::Looker;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// Looks at it as the control-plane does: one client asks for tokens and may see nothing, the other has no account.
pub(crate) fn looker() -> Looker {
    let client = |answer: fn(&Request<Body>) -> Answer| {
        let service = move |request: Request<Body>| ready(Ok::<_, Infallible>(response(answer(&request))));
        Client::new(tower::service_fn(service), "default")
    };
    Looker::new(client(tokens), client(objects))
}

type Answer = (StatusCode, Value);

fn response((status, body): Answer) -> Response<Body> {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let mut response = Response::new(Body::from(text.into_bytes()));
    *response.status_mut() = status;
    response
}

fn tokens(request: &Request<Body>) -> Answer {
    let path: Vec<_> = request.uri().path().trim_matches('/').split('/').collect();
    match (request.method(), path.as_slice()) {
        (&Method::POST, ["api", "v1", "namespaces", namespace, "serviceaccounts", "agent", "token"]) => {
            let status =
                json!({ "token": format!("agent-of-{namespace}"), "expirationTimestamp": "2026-11-22T10:10:00Z" });
            (StatusCode::CREATED, json!({ "spec": { "audiences": [] }, "status": status }))
        }
        _ => refused(403, "this account asks for tokens and nothing else"),
    }
}

fn objects(request: &Request<Body>) -> Answer {
    let path = request.uri().path().trim_matches('/');
    let Some((namespace, rest)) = path.split_once("/namespaces/").and_then(|(_, rest)| rest.split_once('/')) else {
        return refused(403, "no namespace is named");
    };
    let bearer = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if bearer != Some(&format!("Bearer agent-of-{namespace}")) {
        return refused(401, "Unauthorized");
    }
    let asks_for = |what: &str| request.uri().query().is_some_and(|query| query.split('&').any(|part| part == what));
    let form = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match rest {
        "pods" if form.contains("as=Table") && asks_for("labelSelector=app%3Dweb") && asks_for("limit=50") => {
            (StatusCode::OK, table())
        }
        "pods/web" => (StatusCode::OK, pod(namespace)),
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

fn pod(namespace: &str) -> Value {
    json!({
        "kind": "Pod",
        "metadata": { "name": "web", "namespace": namespace, "managedFields": [{ "manager": "kubectl" }] },
        "status": { "phase": "Running" },
    })
}

fn event() -> Value {
    json!({
        "metadata": {}, "involvedObject": { "kind": "Pod", "name": "web" }, "reason": "Scheduled", "type": "Normal",
        "message": "assigned", "lastTimestamp": "2026-11-22T10:00:00Z",
    })
}
