//! A run's pod, played by hand: a worker's claim through the store, and the run API as the runner calls it.

use std::time::Duration;

use anyhow::{Context, Result};
use domain::flow::FlowKind;
use domain::reasons::Reason;
use domain::run::RunStatus;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::flow;
use store::runs::progress::{self, Ending, HandIn, Milestone};
use store::runs::{Lease, lease};
use store::tokens;
use testkit::console::Answer;
use uuid::Uuid;
use vault::RunToken;

use crate::Story;

/// A launched run, its token and where it calls.
pub struct Pod {
    /// The claim of the worker that launched it.
    pub lease: Lease,
    token: RunToken,
    agents_url: String,
    http: reqwest::Client,
}

impl Pod {
    /// Claims the oldest waiting run and launches it, as a worker would.
    ///
    /// # Errors
    /// When no run waits.
    pub async fn launch(story: &Story) -> Result<Self> {
        let db = &story.platform.db;
        let lease = lease::claim(db, "story", Duration::from_secs(600)).await?.context("no run waits")?;
        progress::open_launch(db, lease).await?.context("the lease is lost")?;
        let token = RunToken::generate();
        tokens::issue(db, lease, &token.hash()).await?;
        Ok(Self { lease, token, agents_url: story.platform.agents_url().to_owned(), http: reqwest::Client::new() })
    }

    /// The token, as the pod's Secret holds it.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.expose()
    }

    /// Calls the agents listener.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        let url = format!("{}/api/v1/run/{path}", self.agents_url);
        let mut request = self.http.request(method, url).bearer_auth(self.token.expose());
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, text) = (response.status(), response.text().await?);
        Ok(Answer {
            status: StatusCode::from_u16(status.as_u16())?,
            body: serde_json::from_str(&text).unwrap_or_default(),
        })
    }

    /// Sends a message to the platform's tools, as an MCP client does.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn mcp(&self, method: &str, params: &Value) -> Result<Answer> {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.http.post(format!("{}/mcp", self.agents_url)).bearer_auth(self.token.expose());
        let request = request.header(ACCEPT, "application/json, text/event-stream").json(&message);
        let response = request.header("mcp-protocol-version", "2025-06-18").send().await?;
        let (status, text) = (response.status(), response.text().await?);
        Ok(Answer {
            status: StatusCode::from_u16(status.as_u16())?,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }

    /// Calls a tool; answers its structured result.
    ///
    /// # Errors
    /// When the platform does not answer, or knows no such tool.
    pub async fn tool(&self, name: &str, arguments: &Value) -> Result<Value> {
        let answer = self.mcp("tools/call", &json!({ "name": name, "arguments": arguments })).await?;
        let result = answer.body["result"]["structuredContent"].clone();
        anyhow::ensure!(!result.is_null(), "{name}: {} {}", answer.status, answer.body);
        Ok(result)
    }

    /// The work is in pull request `number`; the worker hands it in, and has it reviewed by nobody.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn hand_in(self, story: &Story, number: u64) -> Result<()> {
        let number = i64::try_from(number)?;
        let entry = |kind| flow::Entry::new(kind, "worker:story", json!({ "number": number }));
        let mut opened = Milestone::new(entry(FlowKind::PullOpened));
        opened.pull =
            Some((number, format!("{}/{}/pull/{number}", story.github.front().base_url(), story.github.full_name())));
        let db = &story.platform.db;
        anyhow::ensure!(progress::reach(db, self.lease, &opened).await?, "the lease is lost");
        let work = HandIn { labels: &[], flow: entry(FlowKind::HandedIn), review: None };
        anyhow::ensure!(progress::hand_in(db, self.lease, &work).await?, "the lease is lost");
        Ok(())
    }

    /// The worker has made the run's namespace.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn has_namespace(&self, story: &Story) -> Result<()> {
        let mut ready = Milestone::new(flow::Entry::new(FlowKind::NamespaceReady, "worker:story", json!({})));
        ready.namespace_uid = Some(Uuid::now_v7());
        anyhow::ensure!(progress::reach(&story.platform.db, self.lease, &ready).await?, "the lease is lost");
        Ok(())
    }

    /// Somebody has asked the run to stop; its pod has, and the worker ends it.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn end_cancelled(self, story: &Story) -> Result<()> {
        let ending = Ending {
            status: RunStatus::Cancelled,
            reason: Some(Reason::Cancelled),
            detail: "",
            launch_failed: false,
            labels: &[],
            flow: flow::Entry::new(FlowKind::RunFinished, "worker:story", json!({ "status": "cancelled" })),
        };
        anyhow::ensure!(progress::finish(&story.platform.db, self.lease, &ending).await?, "the lease is lost");
        Ok(())
    }

    /// The agent answers, and the worker ends the run.
    ///
    /// # Errors
    /// When the platform refuses, or the lease is lost.
    pub async fn answer(self, story: &Story, answer: &str) -> Result<()> {
        let said = json!({ "summary": answer, "answer": answer });
        let result = json!({ "outcome": "succeeded", "head_sha": "a".repeat(40), "last_word": said });
        let reported = self.call(Method::POST, "result", &result).await?;
        anyhow::ensure!(reported.status == StatusCode::NO_CONTENT, "{}", reported.body);
        let ending = Ending {
            status: RunStatus::Succeeded,
            reason: None,
            detail: "",
            launch_failed: false,
            labels: &[],
            flow: flow::Entry::new(FlowKind::RunFinished, "worker:story", json!({ "status": "succeeded" })),
        };
        anyhow::ensure!(progress::finish(&story.platform.db, self.lease, &ending).await?, "the lease is lost");
        Ok(())
    }

    /// The agent has asked people and ends its turn; the worker lets the run wait for them.
    ///
    /// # Errors
    /// When the platform refuses, or the lease is lost.
    pub async fn wait(self, story: &Story) -> Result<()> {
        let orders = self.call(Method::POST, "beat", &json!({ "phase": "working" })).await?.ok()?;
        anyhow::ensure!(orders["waits"] == true, "nobody was asked: {orders}");
        self.call(Method::POST, "result", &json!({ "outcome": "waiting" })).await?.ok()?;
        let entry = flow::Entry::new(FlowKind::RunWaits, "worker:story", json!({ "launch": 1 }));
        anyhow::ensure!(progress::wait_for_people(&story.platform.db, self.lease, &entry).await?, "the lease is lost");
        Ok(())
    }

    /// The agent fails, and the worker ends the run.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn fail(self, story: &Story) -> Result<()> {
        let ending = Ending {
            status: RunStatus::Failed,
            reason: Some(Reason::AgentError),
            detail: "the agent changed nothing",
            launch_failed: true,
            labels: &[],
            flow: flow::Entry::new(FlowKind::RunFinished, "worker:story", json!({ "status": "failed" })),
        };
        anyhow::ensure!(progress::finish(&story.platform.db, self.lease, &ending).await?, "the lease is lost");
        Ok(())
    }

    /// The pod is lost; the worker notices and puts the run back into the queue.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn vanish(self, story: &Story) -> Result<()> {
        let failed = flow::Entry::new(FlowKind::LaunchFailed, "worker:story", json!({ "reason": "vanished" }));
        let requeued = progress::requeue(&story.platform.db, self.lease, Duration::ZERO, &failed).await?;
        anyhow::ensure!(requeued, "the lease is lost");
        Ok(())
    }

    /// Keeps a snapshot; `name` is the route with its query, to which version and checksum are added.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn keep(&self, name: &str, version: i64, bytes: &[u8]) -> Result<StatusCode> {
        self.keep_as(name, version, bytes, &hex::encode(Sha256::digest(bytes))).await
    }

    /// The same with a checksum that may be wrong.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn keep_as(&self, name: &str, version: i64, bytes: &[u8], sha256: &str) -> Result<StatusCode> {
        let media = if name.starts_with("session") { "application/gzip" } else { "application/octet-stream" };
        let mark = if name.contains('?') { '&' } else { '?' };
        let url = format!("{}/api/v1/run/{name}{mark}version={version}&sha256={sha256}", self.agents_url);
        let request = self.http.put(url).bearer_auth(self.token.expose()).header(CONTENT_TYPE, media);
        Ok(request.body(bytes.to_vec()).send().await?.status())
    }

    /// Fetches the snapshot that the run goes on with.
    ///
    /// # Errors
    /// When the platform refuses or does not answer.
    pub async fn fetch(&self, name: &str) -> Result<Vec<u8>> {
        let url = format!("{}/api/v1/run/{name}", self.agents_url);
        let answer = self.http.get(url).bearer_auth(self.token.expose()).send().await?;
        anyhow::ensure!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await?);
        Ok(answer.bytes().await?.to_vec())
    }

    /// Says something, as event number `seq`.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn say(&self, seq: i64, text: &str) -> Result<Answer> {
        let event = json!({ "seq": seq, "at": "2026-11-22T10:00:00Z", "kind": "message", "text": text });
        self.call(Method::POST, "events", &json!({ "events": [event] })).await
    }
}
