//! A system of somebody else's that asks people here, written from the formats alone: it sends what it would send to an
//! approver or an executor, waits for each id once, and answers callbacks as the formats say.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use testkit::channel::{Instead, instead_of, said};
use testkit::console::Answer;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// What it waits for, and what it was told.
#[derive(Debug, Default)]
struct Kept {
    waits: HashSet<String>,
    told: Vec<Value>,
    instead: VecDeque<Instead>,
}

/// A running system; it ends when this is dropped.
#[derive(Debug)]
pub struct Asker {
    port: u16,
    platform: String,
    token: String,
    kept: Arc<Mutex<Kept>>,
    task: AbortHandle,
    http: reqwest::Client,
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Asker {
    /// Starts one on a free port; it asks at the integrations listener of `platform` with this token.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(platform: &str, token: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, kept) = (listener.local_addr()?.port(), Arc::<Mutex<Kept>>::default());
        let router = Router::new().fallback(hear).with_state(kept.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        let (platform, token) = (platform.to_owned(), token.to_owned());
        Ok(Self { port, platform, token, kept, task, http: reqwest::Client::new() })
    }

    /// The token that it asks with.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Answers the next callback with this.
    pub fn answers(&self, instead: Instead) {
        lock(&self.kept).instead.push_back(instead);
    }

    /// What it was told so far, however it answered.
    #[must_use]
    pub fn told(&self) -> Vec<Value> {
        lock(&self.kept).told.clone()
    }

    /// Waits until it was told this often, and answers what came last.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn told_times(&self, times: usize) -> Result<Value> {
        crate::until("told", async || Ok(self.told().len() >= times)).await?;
        Ok(self.told().into_iter().nth(times - 1).unwrap_or_default())
    }

    /// Does not wait for anything any more, as after a restart.
    pub fn forgets(&self) {
        lock(&self.kept).waits.clear();
    }

    /// A question whether something may be done.
    #[must_use]
    pub fn approval(&self, id: &str) -> Value {
        json!({
            "correlation_id": id, "tool": "deploy_production", "arguments": { "version": "1.4.2", "force": false },
            "justification": "The release was tested on staging.", "approval_request": "Deploy 1.4.2 to production.",
            "risk_assessment": "Ten minutes of a slow shop.",
            "links_to_code": [{ "text": "PR 12", "url": "https://git.test/acme/app/pull/12" }],
            "lang": "en", "markup": "markdown", "timeout_sec": 3600,
            "callback": { "url": self.address("/approvals/webhook") },
        })
    }

    /// A question to a person.
    #[must_use]
    pub fn execution(&self, id: &str) -> Value {
        json!({
            "correlation_id": id,
            "tool": { "name": "telegram_request_feedback", "title": "Ask a person", "description": "", "input_schema": {},
                      "output_schema": {}, "metadata": {}, "tags": ["feedback"] },
            "arguments": { "question": "Which database is it?", "context": "There are two of them.",
                           "options": ["PostgreSQL", "SQLite"], "allow_custom": true },
            "spec": { "options_min": 2, "options_max": 5, "allow_custom_option": true },
            "lang": "en", "markup": "markdown", "timeout_sec": 3600,
            "callback": { "url": self.address("/executors/webhook") },
        })
    }

    /// An address of its own, by its name in the cluster.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        format!("http://yaml-mcp-server.tools.svc:{}{path}", self.port)
    }

    /// Asks, and waits for the callback.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn asks(&self, body: &Value) -> Result<Answer> {
        lock(&self.kept).waits.insert(body["correlation_id"].to_string());
        let way = if body["tool"].is_object() { "executors/execute" } else { "approvers/approve" };
        let url = format!("{}/api/v1/{way}", self.platform);
        self.posts(&url, Some(&format!("Bearer {}", self.token)), body.to_string()).await
    }

    /// Posts anything anywhere.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn posts(&self, url: &str, authorization: Option<&str>, body: String) -> Result<Answer> {
        let mut request = self.http.post(url).header("content-type", "application/json").body(body);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        said(request.send().await?).await
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn hear(State(kept): State<Arc<Mutex<Kept>>>, uri: Uri, body: Bytes) -> Response {
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let instead = {
        let mut kept = lock(&kept);
        kept.told.push(told.clone());
        kept.instead.pop_front()
    };
    match instead {
        Some(instead) => instead_of(instead).await,
        None => as_it_should(&mut lock(&kept), uri.path(), &told).into_response(),
    }
}

fn as_it_should(kept: &mut Kept, path: &str, told: &Value) -> StatusCode {
    let (verdict, known): (&str, &[&str]) = match path {
        "/approvals/webhook" => ("decision", &["approve", "deny", "error"]),
        "/executors/webhook" => ("status", &["success", "error"]),
        _ => return StatusCode::NOT_FOUND,
    };
    if !told[verdict].as_str().is_some_and(|verdict| known.contains(&verdict)) {
        return StatusCode::BAD_REQUEST;
    }
    if kept.waits.remove(&told["correlation_id"].to_string()) { StatusCode::OK } else { StatusCode::NOT_FOUND }
}
