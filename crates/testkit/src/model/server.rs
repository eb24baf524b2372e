//! The HTTP side of the scripted model.

use std::{convert::Infallible, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, Request, State as Extracted},
    middleware::{self, Next as Then},
    response::{IntoResponse, Response, Sse, sse::Event},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use minijinja::Environment;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::{
    conversation::Conversation,
    play::{self, Next, Part},
    requests::{Received, Requests},
    scenario::{self, Scenarios},
    wire,
};

/// Names the model answers to; any other is served too.
const MODELS: [&str; 4] = ["gpt-5.5", "gpt-5.6-sol", "gpt-6-sol", "gpt-6.1-sol"];

/// How to start the scripted model.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Folder with scenario files (`*.yaml`).
    pub scenarios: PathBuf,
    /// The bearer key callers must show.
    pub key: SecretString,
}

#[derive(Debug)]
struct State {
    scenarios: Scenarios,
    templates: Environment<'static>,
    key: SecretString,
    requests: Requests,
}

type Shared = Arc<State>;

/// A running model; it ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    base_url: String,
    tasks: JoinSet<std::io::Result<()>>,
}

impl Running {
    /// Its address, without `/v1` and without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Waits until the listener fails.
    ///
    /// # Errors
    /// With what made it fail.
    pub async fn failed(&mut self) -> Result<()> {
        self.tasks.join_next().await.context("no listener")???;
        anyhow::bail!("the listener ended")
    }
}

/// Starts the model and returns when it answers.
///
/// # Errors
/// When a scenario cannot be read or the address is taken.
pub async fn start(options: Options) -> Result<Running> {
    let state = Arc::new(State {
        scenarios: Scenarios::read(&options.scenarios)?,
        templates: scenario::templates(),
        key: options.key,
        requests: Requests::default(),
    });
    let listener =
        TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let model = Router::new()
        .route("/v1/responses", post(respond))
        .route("/v1/models", get(models))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), demand_key));
    let app = Router::new()
        .route("/_script/requests", get(requests))
        .route("/_script/reset", post(reset))
        .merge(model)
        .layer(DefaultBodyLimit::disable())
        .with_state(state);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, app).await });
    Ok(Running { base_url, tasks })
}

fn problem(status: StatusCode, message: &str) -> Response {
    let code = (status == StatusCode::TOO_MANY_REQUESTS).then_some("rate_limit_exceeded");
    (status, Json(json!({"error": {"message": message, "type": "invalid_request_error", "code": code}})))
        .into_response()
}

async fn demand_key(Extracted(state): Extracted<Shared>, request: Request, then: Then) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let shown = shown.strip_prefix("Bearer ").unwrap_or_default();
    if bool::from(shown.as_bytes().ct_eq(state.key.expose_secret().as_bytes())) {
        then.run(request).await
    } else {
        problem(StatusCode::UNAUTHORIZED, "Incorrect API key provided.")
    }
}

async fn models() -> Json<Value> {
    let models: Vec<Value> =
        MODELS.iter().map(|id| json!({"id": id, "object": "model", "created": 0, "owned_by": "scripted"})).collect();
    Json(json!({"object": "list", "data": models}))
}

/// Which requests.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    contains: String,
}

async fn requests(Extracted(state): Extracted<Shared>, Query(wanted): Query<Wanted>) -> Json<Vec<Received>> {
    Json(state.requests.containing(&wanted.contains))
}

async fn reset(Extracted(state): Extracted<Shared>) -> StatusCode {
    state.requests.clear();
    StatusCode::NO_CONTENT
}

async fn respond(Extracted(state): Extracted<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &format!("the body is not JSON: {error}")),
    };
    if request["stream"] != true {
        return problem(StatusCode::BAD_REQUEST, "the scripted model only streams; send stream: true");
    }
    let conversation = Conversation::read(&request);
    let decided = decide(&state, &conversation);
    let (name, answer) = match decided {
        Ok(decided) => decided,
        Err(error) => return problem(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}")),
    };
    let status = match &answer {
        Next::Error { status, .. } => StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Next::Answer(_) => StatusCode::OK,
    };
    state.requests.record(&name, conversation.runs, status.as_u16(), &headers, request);
    match answer {
        Next::Error { retry_after, .. } => {
            let mut answer = problem(status, "this error is part of the scenario");
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            answer
        }
        Next::Answer(parts) => stream(parts, body.len()),
    }
}

fn decide(state: &State, conversation: &Conversation) -> Result<(String, Next)> {
    let scenario = state.scenarios.choose(&conversation.prompt, &conversation.earlier)?;
    let mut next = play::next(&state.templates, scenario, conversation, false)?;
    if let Next::Error { times, .. } = next
        && !state.requests.may_fail(&conversation.key, conversation.runs, times)
    {
        next = play::next(&state.templates, scenario, conversation, true)?;
    }
    Ok((scenario.name.clone(), next))
}

/// Sends the parts as they come due; ends early when the client has gone.
fn stream(parts: Vec<Part>, input_size: usize) -> Response {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut performance = Performance { sender, items: Vec::new(), output_size: 0 };
        // The client going away is no failure of the model.
        let _gone = performance.play(parts, input_size).await;
    });
    let events = ReceiverStream::new(receiver).map(|event: Value| {
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        Ok::<_, Infallible>(Event::default().event(kind).data(event.to_string()))
    });
    Sse::new(events).into_response()
}

type Gone = mpsc::error::SendError<Value>;

struct Performance {
    sender: mpsc::Sender<Value>,
    items: Vec<Value>,
    output_size: usize,
}

impl Performance {
    async fn play(&mut self, parts: Vec<Part>, input_size: usize) -> Result<(), Gone> {
        let id = format!("resp_{}", uuid::Uuid::new_v4().simple());
        self.sender.send(wire::created(&id)).await?;
        for part in parts {
            let index = self.items.len();
            match part {
                Part::Wait(time) => tokio::time::sleep(Duration::from_millis(time)).await,
                Part::HangUp => return Ok(()),
                Part::Call(mut item) => {
                    item["id"] = json!(format!("item_{}", uuid::Uuid::new_v4().simple()));
                    self.whole(index, item).await?;
                }
                Part::Message { text, every_ms } => self.message(index, &text, every_ms).await?,
            }
        }
        let last = wire::completed(&id, &self.items, (input_size, self.output_size));
        self.sender.send(last).await
    }

    async fn whole(&mut self, index: usize, item: Value) -> Result<(), Gone> {
        for event in wire::item(index, &item) {
            self.sender.send(event).await?;
        }
        self.output_size += item.to_string().len();
        self.items.push(item);
        Ok(())
    }

    async fn message(&mut self, index: usize, text: &str, every_ms: Option<u64>) -> Result<(), Gone> {
        let id = format!("msg_{}", uuid::Uuid::new_v4().simple());
        for event in wire::message_begun(index, &id) {
            self.sender.send(event).await?;
        }
        match every_ms {
            None => self.sender.send(wire::delta(index, &id, text)).await?,
            Some(time) => {
                for letter in text.chars() {
                    self.sender.send(wire::delta(index, &id, &letter.to_string())).await?;
                    tokio::time::sleep(Duration::from_millis(time)).await;
                }
            }
        }
        for event in wire::message_done(index, &id, text) {
            self.sender.send(event).await?;
        }
        self.output_size += text.len();
        self.items.push(wire::message(&id, text));
        Ok(())
    }
}
