//! A service of somebody else's through which people are asked (an approver and an executor), written from the formats
//! alone: it takes what they allow, refuses the rest as they say, keeps every id that it has seen, and calls back once.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::console::Answer;

/// Where it stands below its host.
pub const BELOW: &str = "/below";

/// What a service answers once instead of what the formats say.
#[derive(Debug, Clone)]
pub enum Instead {
    /// This.
    Says(u16, &'static str),
    /// Nothing, for longer than anybody waits.
    Nothing,
    /// Somewhere else.
    Leads(&'static str),
    /// The beginning of an answer, and then the connection is gone.
    Breaks,
}

/// What a service was asked, and what it has seen.
#[derive(Debug, Default)]
struct Kept {
    asked: watch::Sender<Vec<Value>>,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    ids: HashSet<String>,
    instead: VecDeque<Instead>,
}

/// A running service; it ends when this is dropped.
#[derive(Debug)]
pub struct Service {
    port: u16,
    kept: Arc<Kept>,
    task: AbortHandle,
    http: reqwest::Client,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    /// Starts one on a free port of an address.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start(at: impl Into<IpAddr>) -> Result<Self> {
        let listener = TcpListener::bind((at.into(), 0)).await?;
        let (port, kept) = (listener.local_addr()?.port(), Arc::<Kept>::default());
        let router = Router::new().fallback(take).with_state(kept.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { port, kept, task, http })
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers the next call with this.
    pub fn answers(&self, instead: Instead) {
        lock(&self.kept).instead.push_back(instead);
    }

    /// What it was asked so far, answered or not.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        self.kept.asked.borrow().clone()
    }

    /// Waits until it was asked this often, and answers what came last.
    ///
    /// # Errors
    /// When that takes longer than `patience`.
    pub async fn asked_within(&self, times: usize, patience: Duration) -> Result<Value> {
        let mut asked = self.kept.asked.subscribe();
        let enough = tokio::time::timeout(patience, asked.wait_for(|asked| asked.len() >= times)).await;
        let asked = enough.with_context(|| format!("it was asked {} times", self.asked().len()))??;
        asked.get(times - 1).cloned().context("nothing was asked")
    }

    /// Calls back about something that it was asked; `said` joins or replaces what every callback has.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn calls_back(&self, asked: &Value, said: &Value) -> Result<Answer> {
        self.posts(way_back(asked)?, callback(asked, said).to_string()).await
    }

    /// Posts anything anywhere.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn posts(&self, url: &str, body: String) -> Result<Answer> {
        let request = self.http.post(url).header("content-type", "application/json").body(body);
        said(request.send().await?).await
    }
}

/// What was answered: JSON, or the text as it is.
///
/// # Errors
/// When the connection breaks.
pub async fn said(response: reqwest::Response) -> Result<Answer> {
    let (status, text) = (response.status(), response.text().await?);
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}

/// Where the other side calls back about something that it was asked.
///
/// # Errors
/// When it was not told.
pub fn way_back(asked: &Value) -> Result<&str> {
    asked["callback"]["url"].as_str().context("no way back")
}

/// What is called back about something that was asked; `said` joins or replaces what every callback has.
#[must_use]
pub fn callback(asked: &Value, said: &Value) -> Value {
    let mut body = json!({ "correlation_id": asked["correlation_id"], "tool": asked["tool"] });
    if asked["tool"].is_object() {
        body["tool"] = asked["tool"]["name"].clone();
    }
    for (name, value) in said.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

fn lock(kept: &Kept) -> std::sync::MutexGuard<'_, Heard> {
    kept.heard.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(State(kept): State<Arc<Kept>>, uri: Uri, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (instead, is_new) = {
        let mut heard = lock(&kept);
        let is_new = heard.ids.insert(asked["correlation_id"].to_string());
        (heard.instead.pop_front(), is_new)
    };
    kept.asked.send_modify(|all| all.push(asked.clone()));
    match instead {
        Some(instead) => instead_of(instead).await,
        None => as_it_should(uri.path(), &asked, is_new),
    }
}

/// What is answered instead.
pub async fn instead_of(instead: Instead) -> Response {
    match instead {
        Instead::Says(status, text) => {
            (StatusCode::from_u16(status).unwrap_or_default(), text.to_owned()).into_response()
        }
        Instead::Nothing => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        Instead::Leads(to) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, HeaderValue::from_static(to))]).into_response()
        }
        Instead::Breaks => {
            let cut = stream::once(async { Err::<Bytes, _>(std::io::Error::other("gone")) });
            Body::from_stream(cut).into_response()
        }
    }
}

fn as_it_should(path: &str, asked: &Value, is_new: bool) -> Response {
    let (verdict, words, wrong) = match path.strip_prefix(BELOW) {
        Some("/approve") => ("decision", "reason", wrong_approval(asked)),
        Some("/execute") => ("status", "result", wrong_execution(asked)),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let thing = if verdict == "decision" { "approval" } else { "execution" };
    let told = |status: StatusCode, what: &str, why: &str| {
        (status, axum::Json(json!({ verdict: what, words: why, "correlation_id": asked["correlation_id"] })))
            .into_response()
    };
    match wrong {
        Some(why) => told(StatusCode::BAD_REQUEST, "error", &why),
        None if !is_new => told(StatusCode::ACCEPTED, "error", &format!("{thing} already exists")),
        None => told(StatusCode::ACCEPTED, "pending", "queued"),
    }
}

fn wrong_approval(asked: &Value) -> Option<String> {
    let texts = ["justification", "approval_request", "risk_assessment"];
    if let Some(text) = texts.into_iter().find(|name| !within(&asked[*name], 10, 500)) {
        return Some(format!("{text} must be 10-500 characters"));
    }
    let links = asked["links_to_code"].as_array().cloned().unwrap_or_default();
    let is_link = |link: &Value| within(&link["text"], 1, 500) && within(&link["url"], 8, 2000);
    let fine =
        asked["tool"].is_string() && asked["arguments"].is_object() && links.len() <= 5 && links.iter().all(is_link);
    (!fine).then(|| "wrong fields".to_owned()).or_else(|| wrong_frame(asked, 52))
}

fn wrong_execution(asked: &Value) -> Option<String> {
    let arguments = &asked["arguments"];
    let options = arguments["options"].as_array().cloned().unwrap_or_default();
    let tool = ["title", "description"].into_iter().all(|name| asked["tool"][name].is_string())
        && asked["tool"]["name"] == "telegram_request_feedback"
        && ["input_schema", "output_schema", "metadata"].into_iter().all(|name| asked["tool"][name].is_object())
        && asked["tool"]["tags"].is_array();
    let spec = asked["spec"]["options_min"] == 2
        && asked["spec"]["options_max"] == 5
        && asked["spec"]["allow_custom_option"].is_boolean();
    let fine = tool
        && spec
        && within(&arguments["question"], 10, 1000)
        && within(&arguments["context"], 0, 2000)
        && (2..=5).contains(&options.len())
        && options.iter().all(|option| within(option, 1, 300))
        && arguments["allow_custom"].is_boolean();
    (!fine).then(|| "wrong fields".to_owned()).or_else(|| wrong_frame(asked, 50))
}

fn wrong_frame(asked: &Value, longest_id: usize) -> Option<String> {
    let id = asked["correlation_id"].as_str().unwrap_or_default();
    let fine = (1..=longest_id).contains(&id.len())
        && !id.contains('|')
        && (asked["lang"] == "en" || asked["lang"] == "ru")
        && asked["markup"] == "markdown"
        && asked["timeout_sec"].as_i64().is_some_and(|seconds| seconds > 0)
        && asked["callback"]["url"].is_string();
    (!fine).then(|| "wrong fields".to_owned())
}

fn within(text: &Value, least: usize, most: usize) -> bool {
    text.as_str().is_some_and(|text| (least..=most).contains(&text.trim().chars().count()))
}
