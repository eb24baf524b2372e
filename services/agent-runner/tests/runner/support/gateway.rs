//! The stand-in of the gateway. Every request and answer of the run API is checked against `openapi/agent.yaml`.

use std::{
    collections::HashMap,
    io::Read,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Query, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post, put},
};
use contract::{
    Document, Validator,
    agent::{AgentEvent, Beat, EventBatch, EventsStored, Orders, Resume, RunContext, RunResult},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use tokio::{io::AsyncWriteExt, net::TcpListener, process::Command, sync::Notify, task::JoinHandle};

use super::TOKEN;

/// A stored snapshot of the session: its query, its content unpacked, and as it came.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) query: HashMap<String, String>,
    pub(crate) text: String,
    pub(crate) bytes: Bytes,
}

/// A stored snapshot of the working tree.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) query: HashMap<String, String>,
    pub(crate) bytes: Bytes,
}

#[derive(Default)]
struct Received {
    events: Vec<AgentEvent>,
    beats: Vec<Beat>,
    snapshots: Vec<Snapshot>,
    trees: Vec<Tree>,
    results: Vec<RunResult>,
    contexts: usize,
}

struct Inner {
    context: Mutex<RunContext>,
    /// What a launch that goes on fetches.
    kept: Mutex<(Option<Bytes>, Option<Bytes>)>,
    git_root: PathBuf,
    model: String,
    http: reqwest::Client,
    received: Mutex<Received>,
    changed: Notify,
    stop: AtomicBool,
    waits: AtomicBool,
    revoked: AtomicBool,
    /// The next batch of events is stored, but its answer is lost.
    lose_an_answer: AtomicBool,
}

impl Inner {
    fn received(&self) -> MutexGuard<'_, Received> {
        lock(&self.received)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Shared = State<Arc<Inner>>;

/// The running stand-in; it ends when this is dropped.
pub(crate) struct Gateway {
    inner: Arc<Inner>,
    url: String,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gateway {
    pub(crate) async fn start(context: RunContext, git_root: PathBuf, model: String) -> Result<Self> {
        let inner = Arc::new(Inner {
            context: Mutex::new(context),
            kept: Mutex::default(),
            git_root,
            model,
            http: reqwest::Client::builder().no_proxy().build()?,
            received: Mutex::default(),
            changed: Notify::new(),
            stop: AtomicBool::default(),
            waits: AtomicBool::default(),
            revoked: AtomicBool::default(),
            lose_an_answer: AtomicBool::default(),
        });
        let api = Router::new()
            .route("/api/v1/run/context", get(give_context))
            .route("/api/v1/run/events", post(add_events))
            .route("/api/v1/run/beat", post(beat))
            .route("/api/v1/run/session", put(put_session).get(get_session))
            .route("/api/v1/run/worktree", put(put_worktree).get(get_worktree))
            .route("/api/v1/run/result", post(report));
        let api = Validator::new(&Document::agent()?)?.with_body_limit(8 * 1024 * 1024).guard(api);
        let app = api
            .route("/model/v1/responses", post(ask_model))
            .route("/git/{*rest}", any(serve_git))
            .route_layer(middleware::from_fn_with_state(Arc::clone(&inner), admit))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { inner, url, task })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Forgets what the launch before said, and tells the next one to go on with these; answers what was said.
    pub(crate) fn relaunch(&self, kept: (Option<Bytes>, Option<Bytes>), resume: Resume) -> Vec<AgentEvent> {
        let mut context = lock(&self.inner.context);
        context.launch += 1;
        context.resume = Some(resume);
        *lock(&self.inner.kept) = kept;
        let mut received = self.inner.received();
        received.snapshots.clear();
        received.trees.clear();
        std::mem::take(&mut received.events)
    }

    pub(crate) fn order_stop(&self) {
        self.inner.stop.store(true, Ordering::SeqCst);
    }

    /// The agent has asked people.
    pub(crate) fn asked_people(&self) {
        self.inner.waits.store(true, Ordering::SeqCst);
    }

    /// People have answered, and the session that asked is lost.
    pub(crate) fn answered(&self, answers: &str) {
        self.inner.waits.store(false, Ordering::SeqCst);
        lock(&self.inner.context).answers = Some(answers.to_owned());
    }

    pub(crate) fn revoke(&self) {
        self.inner.revoked.store(true, Ordering::SeqCst);
    }

    pub(crate) fn lose_an_answer(&self) {
        self.inner.lose_an_answer.store(true, Ordering::SeqCst);
    }

    pub(crate) fn events(&self) -> Vec<AgentEvent> {
        self.look(|received| received.events.clone())
    }

    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        self.look(|received| received.snapshots.clone())
    }

    pub(crate) fn trees(&self) -> Vec<Tree> {
        self.look(|received| received.trees.clone())
    }

    /// Waits until the newest session and the newest working tree are such that `wanted` accepts them.
    pub(crate) async fn kept(
        &self,
        wanted: impl AsyncFn(&Snapshot, &Tree) -> Result<bool>,
    ) -> Result<(Snapshot, Tree)> {
        let seen = async {
            loop {
                let changed = self.inner.changed.notified();
                if let (Some(session), Some(tree)) = (self.snapshots().pop(), self.trees().pop())
                    && wanted(&session, &tree).await?
                {
                    return Ok((session, tree));
                }
                changed.await;
            }
        };
        tokio::time::timeout(super::PATIENCE, seen).await.context("it was never kept")?
    }

    pub(crate) fn results(&self) -> Vec<RunResult> {
        self.look(|received| received.results.clone())
    }

    pub(crate) fn beats(&self) -> Vec<Beat> {
        self.look(|received| received.beats.clone())
    }

    /// How often the context was fetched.
    pub(crate) fn contexts(&self) -> usize {
        self.look(|received| received.contexts)
    }

    /// Waits until an event is stored that `wanted` accepts.
    pub(crate) async fn event(&self, wanted: impl Fn(&AgentEvent) -> bool) -> Result<()> {
        let seen = async {
            loop {
                let changed = self.inner.changed.notified();
                if self.events().iter().any(&wanted) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(super::PATIENCE, seen)
            .await
            .with_context(|| format!("no such event in {:#?}", self.events()))
    }

    /// All that was received, as text.
    pub(crate) fn all_received(&self) -> Result<String> {
        self.look(|received| {
            let mut all = serde_json::to_string(&received.events)?;
            all.push_str(&serde_json::to_string(&received.beats)?);
            all.push_str(&serde_json::to_string(&received.results)?);
            all.extend(received.snapshots.iter().map(|snapshot| snapshot.text.as_str()));
            Ok(all)
        })
    }

    fn look<T>(&self, look: impl FnOnce(&Received) -> T) -> T {
        look(&self.inner.received())
    }
}

async fn admit(State(inner): Shared, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if inner.revoked.load(Ordering::SeqCst) || shown != Some(&format!("Bearer {TOKEN}")) {
        return contract::problem::Problem::unauthorized("token_refused", "no").into_response();
    }
    next.run(request).await
}

async fn give_context(State(inner): Shared) -> Json<RunContext> {
    inner.received().contexts += 1;
    Json(lock(&inner.context).clone())
}

async fn add_events(State(inner): Shared, Json(batch): Json<EventBatch>) -> Result<Json<EventsStored>, StatusCode> {
    let last_seq = {
        let mut received = inner.received();
        let last = received.events.last().map_or(0, |event| event.seq);
        received.events.extend(batch.events.into_iter().filter(|event| event.seq > last));
        received.events.last().map_or(0, |event| event.seq)
    };
    inner.changed.notify_waiters();
    if inner.lose_an_answer.swap(false, Ordering::SeqCst) {
        return Err(StatusCode::BAD_GATEWAY);
    }
    Ok(Json(EventsStored { last_seq }))
}

async fn beat(State(inner): Shared, Json(beat): Json<Beat>) -> Json<Orders> {
    inner.received().beats.push(beat);
    Json(Orders { stop: inner.stop.load(Ordering::SeqCst), waits: inner.waits.load(Ordering::SeqCst) })
}

async fn put_session(State(inner): Shared, Query(query): Query<HashMap<String, String>>, body: Bytes) -> StatusCode {
    let mut text = String::new();
    let unpacked = flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text);
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&body));
    if unpacked.is_err() || query.get("sha256") != Some(&digest) {
        return StatusCode::BAD_REQUEST;
    }
    inner.received().snapshots.push(Snapshot { query, text, bytes: body });
    inner.changed.notify_waiters();
    StatusCode::NO_CONTENT
}

async fn put_worktree(State(inner): Shared, Query(query): Query<HashMap<String, String>>, body: Bytes) -> StatusCode {
    if query.get("sha256") != Some(&hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&body))) {
        return StatusCode::BAD_REQUEST;
    }
    inner.received().trees.push(Tree { query, bytes: body });
    inner.changed.notify_waiters();
    StatusCode::NO_CONTENT
}

async fn get_session(State(inner): Shared) -> Response {
    kept(lock(&inner.kept).0.clone(), "application/gzip")
}

async fn get_worktree(State(inner): Shared) -> Response {
    kept(lock(&inner.kept).1.clone(), "application/octet-stream")
}

fn kept(bytes: Option<Bytes>, media: &'static str) -> Response {
    match bytes {
        Some(bytes) => ([(header::CONTENT_TYPE, media)], bytes).into_response(),
        None => contract::problem::Problem::not_found("not_found", "nothing is kept").into_response(),
    }
}

async fn report(State(inner): Shared, Json(result): Json<RunResult>) -> StatusCode {
    inner.received().results.push(result);
    StatusCode::NO_CONTENT
}

async fn ask_model(State(inner): Shared, body: Bytes) -> Result<Response, StatusCode> {
    let request = inner.http.post(format!("{}/v1/responses", inner.model)).bearer_auth("model-key").body(body);
    let answer = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(header::CONTENT_TYPE) {
        response = response.header(header::CONTENT_TYPE, kind);
    }
    response.body(Body::from_stream(answer.bytes_stream())).map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn serve_git(State(inner): Shared, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    match http_backend(&inner, &method, &uri, &headers, &body).await {
        Ok(response) => response,
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

/// Runs git's own CGI program and turns what it prints into an answer.
async fn http_backend(inner: &Inner, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Response> {
    let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &inner.git_root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", uri.path().trim_start_matches("/git"))
        .env("REQUEST_METHOD", method.as_str())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header(&header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header(&header::CONTENT_ENCODING))
        .env("HTTP_GIT_PROTOCOL", header(&HeaderName::from_static("git-protocol")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no standard input")?.write_all(body).await?;
    let output = child.wait_with_output().await?.stdout;
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").context("git printed no headers")?;
    let mut response = Response::new(Body::from(output[end + 4..].to_vec()));
    for line in std::str::from_utf8(&output[..end])?.split("\r\n") {
        let (name, value) = line.split_once(": ").context("git printed a bad header")?;
        if name.eq_ignore_ascii_case("status") {
            *response.status_mut() = StatusCode::from_bytes(value.get(..3).unwrap_or_default().as_bytes())?;
        } else {
            response.headers_mut().insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
    }
    Ok(response)
}
