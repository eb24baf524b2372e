//! A service of somebody else's through which people are asked, written from the formats alone: it takes what they allow,
//! refuses the rest as they say, keeps every id that it has seen, and calls back once.

use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use runtime::names::{Addresses, NameService};
use serde_json::{Value, json};
use testkit::console::Answer;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

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
    asked: Vec<Value>,
    ids: HashSet<String>,
    instead: VecDeque<Instead>,
}

/// A running service; it ends when this is dropped.
#[derive(Debug)]
pub struct Service {
    port: u16,
    kept: Arc<Mutex<Kept>>,
    task: AbortHandle,
    http: reqwest::Client,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, kept) = (listener.local_addr()?.port(), Arc::<Mutex<Kept>>::default());
        let router = Router::new().fallback(take).with_state(kept.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { port, kept, task, http: reqwest::Client::new() })
    }

    /// Its address, by its name in the cluster.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://approver.tools.svc:{}/below", self.port)
    }

    /// Answers the next call with this.
    pub fn answers(&self, instead: Instead) {
        lock(&self.kept).instead.push_back(instead);
    }

    /// What it was asked so far, answered or not.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        lock(&self.kept).asked.clone()
    }

    /// Waits until it was asked this often, and answers what came last.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn asked_times(&self, times: usize) -> Result<Value> {
        crate::until("asked", async || Ok(self.asked().len() >= times)).await?;
        self.asked().into_iter().nth(times - 1).context("nothing was asked")
    }

    /// Calls back about something that it was asked; `said` joins or replaces what every callback has.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn calls_back(&self, asked: &Value, said: &Value) -> Result<Answer> {
        let mut body = json!({ "correlation_id": asked["correlation_id"], "tool": asked["tool"] });
        if asked["tool"].is_object() {
            body["tool"] = asked["tool"]["name"].clone();
        }
        for (name, value) in said.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let url = asked["callback"]["url"].as_str().context("no way back")?;
        self.posts(url, body.to_string()).await
    }

    /// Posts anything anywhere.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn posts(&self, url: &str, body: String) -> Result<Answer> {
        let request = self.http.post(url).header("content-type", "application/json").body(body);
        let response = request.send().await?;
        let (status, text) = (response.status(), response.text().await?);
        Ok(Answer {
            status: StatusCode::from_u16(status.as_u16())?,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }
}

fn lock(kept: &Mutex<Kept>) -> std::sync::MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(State(kept): State<Arc<Mutex<Kept>>>, uri: Uri, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (instead, is_new) = {
        let mut kept = lock(&kept);
        kept.asked.push(asked.clone());
        let is_new = kept.ids.insert(asked["correlation_id"].to_string());
        (kept.instead.pop_front(), is_new)
    };
    match instead {
        Some(instead) => instead_of(instead).await,
        None => as_it_should(uri.path(), &asked, is_new),
    }
}

/// What is answered instead.
pub(crate) async fn instead_of(instead: Instead) -> Response {
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
    let (verdict, words, wrong) = match path {
        "/below/approve" => ("decision", "reason", wrong_approval(asked)),
        "/below/execute" => ("status", "result", wrong_execution(asked)),
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

/// The cluster's names, of which one leads where no channel may.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterNames;

impl NameService for ClusterNames {
    fn addresses<'a>(&'a self, host: &'a str) -> Addresses<'a> {
        let metadata = host.starts_with("metadata.");
        let address = if metadata { Ipv4Addr::new(169, 254, 169, 254) } else { Ipv4Addr::LOCALHOST };
        Box::pin(async move { Ok(vec![IpAddr::from(address)]) })
    }
}
