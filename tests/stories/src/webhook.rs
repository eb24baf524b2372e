//! Deliveries by hand: what GitHub would send, and what somebody who is not GitHub would.

use anyhow::Result;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::console::Answer;

use crate::Story;
use crate::platform::WEBHOOK_SECRETS;

/// A delivery to send; changed field by field by stories about bad ones.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// `X-GitHub-Event`; `None` sends none.
    pub event: Option<String>,
    /// `X-GitHub-Delivery`; `None` sends none.
    pub guid: Option<String>,
    /// `X-Hub-Signature-256`; `None` sends none.
    pub signature: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Delivery {
    /// An `issues` delivery, signed with the current secret.
    #[must_use]
    pub fn issues(guid: &str, payload: &Value) -> Self {
        Self::signed("issues", guid, payload.to_string().into_bytes(), WEBHOOK_SECRETS[0])
    }

    /// Any delivery, signed with `secret`.
    #[must_use]
    pub fn signed(event: &str, guid: &str, body: Vec<u8>, secret: &str) -> Self {
        Self {
            event: Some(event.to_owned()),
            guid: Some(guid.to_owned()),
            signature: Some(format!("sha256={}", hmac(secret, &body))),
            headers: Vec::new(),
            body,
        }
    }

    /// The same, signed with the secret from before the rotation.
    #[must_use]
    pub fn signed_with_the_old_secret(self) -> Self {
        let signature = Some(format!("sha256={}", hmac(WEBHOOK_SECRETS[1], &self.body)));
        Self { signature, ..self }
    }

    /// Sends it.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn send(&self, story: &Story) -> Result<Answer> {
        let url = format!("{}/api/v1/webhooks/github", story.platform.url());
        let mut request = reqwest::Client::new().post(url).header("content-type", "application/json");
        let named = [
            ("x-github-event", &self.event),
            ("x-github-delivery", &self.guid),
            ("x-hub-signature-256", &self.signature),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.body(self.body.clone()).send().await?;
        let (status, text) = (response.status(), response.text().await?);
        Ok(Answer {
            status: StatusCode::from_u16(status.as_u16())?,
            body: serde_json::from_str(&text).unwrap_or_default(),
        })
    }
}

fn hmac(secret: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("any length will do"));
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// An `issues.labeled` payload of the story's repository, by its writer, at `time`.
///
/// # Errors
/// When the world lacks a writer.
pub async fn labelled(story: &Story, issue: u64, label: &str, time: &str) -> Result<Value> {
    let writer = story.github.person("writer")?;
    let repository = story.github.api("owner", http::Method::GET, "", &Value::Null).await?;
    Ok(json!({
        "action": "labeled",
        "label": { "name": label },
        "issue": {
            "number": issue, "title": "By hand", "body": "", "state": "open", "labels": [{ "name": label }],
            "html_url": format!("http://github.test/issues/{issue}"), "updated_at": time,
        },
        "repository": { "id": repository["id"], "full_name": repository["full_name"] },
        "sender": { "id": writer.id, "login": writer.login, "type": "User" },
    }))
}
