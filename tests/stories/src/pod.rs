//! A run's pod, played by hand: a worker's claim through the store, and the run API as the runner calls it.

use std::time::Duration;

use anyhow::{Context, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::runs::{Lease, lease, progress};
use store::tokens;
use testkit::console::Answer;
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

    /// Says something, as event number `seq`.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn say(&self, seq: i64, text: &str) -> Result<Answer> {
        let event = json!({ "seq": seq, "at": "2026-11-22T10:00:00Z", "kind": "message", "text": text });
        self.call(Method::POST, "events", &json!({ "events": [event] })).await
    }
}
