//! What a run's own account is shown in every namespace: one small environment.

use http::StatusCode;
use http::header::ACCEPT;
use http::request::Parts;
use serde_json::{Value, json};

use super::{Answer, refused};

/// What the run's own account is shown.
pub(super) fn to_the_agent(request: &Parts, namespace: &str, rest: &str) -> Answer {
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
