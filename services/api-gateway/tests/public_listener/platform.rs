//! A stand-in of the control-plane that believes the gateway's assertions and nothing else, remembers what it was asked,
//! and answers what a test tells it to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contract::assertion::{Caller, Verifier, guard};
use contract::keys::PublicKeys;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

/// One request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) caller: Caller,
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

type Answer = Arc<dyn Fn(&Asked) -> Response + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Platform {
    pub(crate) async fn start(public_key: &str, clock: contract::assertion::Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let platform = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            answer: Arc::new(Mutex::new(Arc::new(|_: &Asked| answer(200, &json!({}))))),
        };
        let router = Router::new().fallback(take).with_state(platform.clone());
        let verifier = Verifier::new(PublicKeys::from_pem(public_key).unwrap(), clock);
        let router = guard(router, verifier, 64 * 1024 * 1024);
        tokio::spawn(async move { axum::serve(listener, router).await });
        platform
    }

    pub(crate) fn answers(&self, answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

async fn take(State(platform): State<Platform>, caller: Caller, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = Asked {
        caller,
        line: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    };
    platform.asked.lock().unwrap().push(asked.clone());
    let answer = platform.answer.lock().unwrap().clone();
    answer(&asked)
}

pub(crate) fn answer(status: u16, body: &Value) -> Response {
    let media = if status < 400 { "application/json" } else { "application/problem+json" };
    (StatusCode::from_u16(status).unwrap(), [("content-type", media)], Body::from(body.to_string())).into_response()
}

pub(crate) fn problem(status: u16, code: &str) -> Response {
    answer(status, &json!({ "type": "about:blank", "title": "No", "status": status, "code": code }))
}
