//! A cluster in which nothing is and nothing can be made: what a worker does beside Kubernetes is told without one. Only
//! tokens may be had, where a story gives some.

use std::convert::Infallible;

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::environment::{self, Answer};

/// A client of it, to whom this says what becomes of what cannot be made.
pub(crate) fn client(made: fn(&Parts) -> Answer) -> Client {
    Client::new(tower::service_fn(move |request| answer(request, made)), "default")
}

async fn answer(request: Request<Body>, made: fn(&Parts) -> Answer) -> Result<Response<Body>, Infallible> {
    let (request, _) = request.into_parts();
    let is_watch = request.uri.query().is_some_and(|query| query.contains("watch=true"));
    if is_watch {
        // Nothing ever happens there.
        std::future::pending::<()>().await;
    }
    let (status, answer) = match (&request.method, request.uri.path()) {
        (&Method::GET, "/version") => (StatusCode::OK, version()),
        (&Method::GET, _) => (StatusCode::OK, json!({ "metadata": { "resourceVersion": "1" }, "items": [] })),
        _ => made(&request),
    };
    Ok(environment::response((status, answer)))
}

pub(crate) fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
        "goVersion": "", "compiler": "", "platform": "",
    })
}
