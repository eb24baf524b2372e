//! Model calls: what is let through, what is added, what is metered.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use contract::internal::BrokerEventKind;
use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use url::Url;

use crate::world::{Behind, MODEL_KEY, TOKEN, World, serve_router};

/// What the model has been asked, and what it is to say next.
pub(crate) struct Script {
    say: Sender<Line>,
    heard: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

type Line = Result<Bytes, std::io::Error>;

#[derive(Clone)]
struct Model {
    lines: Arc<Mutex<Option<Receiver<Line>>>>,
    heard: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

impl Script {
    pub(crate) async fn send(&self, event: Value) {
        let line = format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
        self.say.send(Ok(line.into())).await.unwrap();
    }

    pub(crate) fn delta(text: &str) -> Value {
        json!({ "type": "response.output_text.delta", "delta": text })
    }

    fn completed() -> Value {
        let usage =
            json!({ "input_tokens": 120, "input_tokens_details": { "cached_tokens": 20 }, "output_tokens": 30 });
        json!({ "type": "response.completed", "response": { "id": "resp_1", "usage": usage } })
    }

    pub(crate) fn heard(&self) -> Vec<(HeaderMap, Value)> {
        self.heard.lock().unwrap().clone()
    }
}

/// A model API that answers one call, line by line, as the test says.
pub(crate) async fn scripted() -> (Url, Script) {
    let (say, lines) = channel(8);
    let heard = Arc::<Mutex<Vec<_>>>::default();
    let model = Model { lines: Arc::new(Mutex::new(Some(lines))), heard: heard.clone() };
    let router = Router::new().route("/v1/responses", post(respond)).layer(DefaultBodyLimit::disable());
    let address = serve_router(router.with_state(model)).await;
    (format!("http://{address}/v1").parse().unwrap(), Script { say, heard })
}

async fn respond(State(model): State<Model>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    model.heard.lock().unwrap().push((headers, body));
    let lines = model.lines.lock().unwrap().take().expect("asked twice");
    ([("content-type", "text/event-stream")], Body::from_stream(ReceiverStream::new(lines))).into_response()
}

pub(crate) fn body() -> Value {
    json!({ "model": "gpt-5.5", "stream": true, "input": [{ "role": "user", "content": "hi" }], "tools": [] })
}

/// A call that is let through.
pub(crate) async fn call(world: &World) -> reqwest::Response {
    world.post("/model/v1/responses").json(&body()).send().await.unwrap().error_for_status().unwrap()
}

pub(crate) async fn world() -> (World, Script) {
    let (model, script) = scripted().await;
    (World::with(Behind { model, ..Behind::default() }).await, script)
}

#[tokio::test]
async fn a_call_is_streamed_with_our_key_and_metered_once() {
    let (world, script) = world().await;
    let request = world.post("/model/v1/responses").header("x-other", "1").header("originator", "codex_exec");
    let answer = request.json(&body()).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut stream = answer.bytes_stream();
    // Each event arrives before the next one is said: nothing on the way waits for the end.
    script.send(Script::delta("he")).await;
    let first = stream.next().await.unwrap().unwrap();
    assert!(std::str::from_utf8(&first).unwrap().contains("\"he\""));
    script.send(Script::completed()).await;
    let second = stream.next().await.unwrap().unwrap();
    assert!(std::str::from_utf8(&second).unwrap().contains("response.completed"));
    let (headers, sent) = script.heard().remove(0);
    drop(script);
    assert!(stream.next().await.is_none());
    let call = world.control.call().await;
    assert_eq!((call.input_tokens, call.cached_input_tokens, call.output_tokens, call.estimated), (120, 20, 30, false));
    assert_eq!(call.model, "gpt-5.5");
    assert_eq!(headers["authorization"], format!("Bearer {MODEL_KEY}"));
    assert_eq!(headers["originator"], "codex_exec");
    assert!(!headers.contains_key("x-other"));
    assert_eq!(sent["store"], false);
    assert!(!format!("{headers:?}{sent}").contains(TOKEN));
}

#[tokio::test]
async fn a_pod_that_hangs_up_is_still_charged_what_was_used() {
    let (world, script) = world().await;
    let mut stream = call(&world).await.bytes_stream();
    script.send(Script::delta("he")).await;
    stream.next().await.unwrap().unwrap();
    drop(stream);
    script.send(Script::delta("llo")).await;
    script.send(Script::completed()).await;
    drop(script);
    let call = world.control.call().await;
    assert_eq!((call.output_tokens, call.estimated), (30, false));
}

#[tokio::test]
async fn a_pod_that_hangs_up_before_the_first_byte_is_charged_too() {
    let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (entered, released) = (arrived.clone(), release.clone());
    let late = move || async move {
        entered.notify_one();
        released.notified().await;
        format!("data: {}\n\n", Script::completed())
    };
    let model = serve_router(Router::new().route("/v1/responses", post(late))).await;
    let model = format!("http://{model}/v1").parse().unwrap();
    let world = World::with(Behind { model, ..Behind::default() }).await;
    tokio::select! {
        _ = call(&world) => panic!("it was answered"),
        () = arrived.notified() => {}
    }
    release.notify_one();
    let call = world.control.call().await;
    assert_eq!((call.output_tokens, call.estimated), (30, false));
}

#[tokio::test]
async fn a_stream_that_never_says_its_usage_is_charged_by_estimate() {
    let (world, script) = world().await;
    let answer = call(&world).await;
    script.send(Script::delta(&"x".repeat(400))).await;
    drop(script);
    answer.bytes().await.unwrap();
    let call = world.control.call().await;
    assert_eq!((call.output_tokens, call.estimated), (100, true));
    assert!(call.input_tokens > 0);
}

#[tokio::test]
async fn a_broken_stream_ends_broken() {
    let (world, script) = world().await;
    let answer = call(&world).await;
    script.send(Script::delta("x")).await;
    script.say.send(Err(std::io::Error::other("cut"))).await.unwrap();
    assert!(answer.bytes().await.is_err());
    assert!(world.control.call().await.estimated);
}

#[tokio::test]
async fn a_refused_call_stays_here_and_shows_on_the_runs_page() {
    let (world, script) = world().await;
    let mut hosted = body();
    hosted["tools"] = json!([{ "type": "web_search" }]);
    let answer = world.post("/model/v1/responses").json(&hosted).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let said: Value = answer.json().await.unwrap();
    assert_eq!((&said["code"], &said["error"]["type"]), (&json!("tool_refused"), &json!("invalid_request_error")));
    assert!(said["error"]["message"].as_str().unwrap().contains("web_search"));
    let event = world.control.event(BrokerEventKind::ModelRefused).await;
    assert_eq!(event.data["code"], "tool_refused");
    assert!(script.heard().is_empty());
}

#[tokio::test]
async fn a_body_that_cannot_be_checked_is_refused() {
    let (world, script) = world().await;
    let gzip = world.post("/model/v1/responses").header("content-encoding", "gzip").body("x");
    assert_eq!(gzip.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let huge = world.post("/model/v1/responses").body(vec![b' '; 32 * 1024 * 1024 + 1]);
    // What is declared too large is not read, and then the client may find no answer any more.
    let refused = huge.send().await.map(|answer| answer.status());
    assert!(refused.as_ref().map_or_else(reqwest::Error::is_request, |status| *status == 413), "{refused:?}");
    assert!(script.heard().is_empty());
}

#[tokio::test]
async fn errors_of_the_provider_are_passed_on_without_our_key() {
    for (status, body, expected, code) in [
        (
            400,
            json!({ "error": { "message": "too long", "code": "context_length_exceeded" } }),
            400,
            "context_length_exceeded",
        ),
        (429, json!({ "error": { "message": "slow down", "type": "rate_limit" } }), 429, "rate_limit"),
        (401, json!({ "error": { "message": format!("Incorrect API key: {MODEL_KEY}") } }), 502, "model_key_refused"),
        (503, json!("busy"), 503, "model_error"),
        (302, json!({}), 502, "model_unreachable"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = (status, [("retry-after", "70"), ("location", "http://127.0.0.1:1/")], Json(body));
        let router = Router::new().route("/v1/responses", post(|| async { answer }));
        let model = format!("http://{}/v1/", serve_router(router).await).parse().unwrap();
        let world = World::with(Behind { model, ..Behind::default() }).await;
        let answer = world.post("/model/v1/responses").json(&self::body()).send().await.unwrap();
        assert_eq!(answer.status(), expected);
        let text = answer.text().await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["error"]["code"], code);
        assert!(!text.contains(MODEL_KEY));
        let limits = world.control.limits();
        let noted: Vec<_> = limits.iter().map(|limit| (limit.code.as_str(), limit.retry_after_seconds)).collect();
        assert_eq!(noted, if expected == 429 { vec![("rate_limit", Some(70))] } else { vec![] }, "{status}");
    }
}

#[tokio::test]
async fn a_limit_in_the_middle_of_a_stream_is_noted_after_the_call() {
    let (world, script) = world().await;
    let stream = call(&world).await;
    let failed = json!({ "code": "rate_limit_exceeded", "message": "Please try again in 11s." });
    script.send(json!({ "type": "response.failed", "response": { "id": "resp_1", "error": failed } })).await;
    drop(script);
    stream.bytes().await.unwrap();
    assert_eq!(world.control.limit().await.code, "rate_limit_exceeded");
    assert!(world.control.call().await.estimated);
}

#[tokio::test]
async fn the_models_are_those_of_the_project() {
    let world = World::new().await;
    let list: Value = world.get("/model/v1/models").send().await.unwrap().json().await.unwrap();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["gpt-5.5", "gpt-6-sol"]);
}
