//! A cluster in which nothing is and nothing can be made: what a worker does beside Kubernetes is told without one.

use std::convert::Infallible;

use cluster::Cluster;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// The cluster.
pub(crate) fn cluster() -> Cluster {
    Cluster::new(Client::new(tower::service_fn(answer), "default"))
}

async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    if is_watch {
        // Nothing ever happens there.
        std::future::pending::<()>().await;
    }
    let (status, answer) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/version") => (StatusCode::OK, version()),
        (&Method::GET, _) => (StatusCode::OK, json!({ "metadata": { "resourceVersion": "1" }, "items": [] })),
        _ => {
            (StatusCode::FORBIDDEN, json!({ "kind": "Status", "status": "Failure", "code": 403, "message": "nowhere" }))
        }
    };
    let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
    *response.status_mut() = status;
    Ok(response)
}

pub(crate) fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
        "goVersion": "", "compiler": "", "platform": "",
    })
}
