//! Webhook deliveries: what the emulator sends is caught here, made what GitHub would send, recorded with its payload,
//! signed and sent on under GitHub's headers.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::Notify;

use super::{emulator::lock, server::State, translate};

/// GitHub gives a receiver this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hook as the front keeps it.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) id: u64,
    /// `owner/name`.
    pub(super) repository: String,
    /// The repository as the API showed it when the hook was made.
    pub(super) about: Value,
    /// Where deliveries really go.
    pub(super) url: String,
    pub(super) secret: Option<String>,
    /// What it asked for.
    pub(super) events: Vec<String>,
}

/// One attempt to deliver an event.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) id: u64,
    guid: String,
    hook: Hook,
    event: String,
    body: Bytes,
    redelivery: bool,
    delivered_at: DateTime<Utc>,
    duration: f64,
    status_code: u16,
    response: String,
}

/// All attempts since the start.
#[derive(Debug, Default)]
pub(super) struct DeliveryLog {
    attempts: Mutex<BTreeMap<u64, Delivery>>,
    grown: Notify,
}

impl DeliveryLog {
    /// Attempts of one hook, newest first.
    pub(super) fn of_hook(&self, hook: u64) -> Vec<Delivery> {
        lock(&self.attempts).values().rev().filter(|one| one.hook.id == hook).cloned().collect()
    }

    /// Attempts of one repository's hooks, as soon as there are so many, or after a while as many as there are.
    pub(super) async fn wait_for(&self, repository: &str, at_least: usize) -> Vec<Delivery> {
        let enough = async {
            loop {
                let grown = self.grown.notified();
                let mut grown = std::pin::pin!(grown);
                // Growth between the look and the wait must not be missed.
                grown.as_mut().enable();
                if self.of_repository(repository).len() >= at_least {
                    return;
                }
                grown.await;
            }
        };
        // Running out of patience is not an error here: the caller sees that it got fewer.
        let _patience = tokio::time::timeout(PATIENCE * 3, enough).await;
        self.of_repository(repository)
    }

    /// Attempts of one repository's hooks, oldest first.
    fn of_repository(&self, repository: &str) -> Vec<Delivery> {
        lock(&self.attempts).values().filter(|one| one.hook.repository == repository).cloned().collect()
    }

    fn record(&self, delivery: Delivery) {
        lock(&self.attempts).insert(delivery.id, delivery);
        self.grown.notify_waiters();
    }

    pub(super) fn get(&self, hook: u64, id: u64) -> Option<Delivery> {
        lock(&self.attempts).get(&id).filter(|one| one.hook.id == hook).cloned()
    }
}

impl Delivery {
    fn payload(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// As `GET …/hooks/{id}/deliveries` lists it.
    pub(super) fn summary(&self) -> Value {
        let delivered = (200..300).contains(&self.status_code);
        json!({
            "id": self.id, "guid": self.guid, "delivered_at": self.delivered_at, "redelivery": self.redelivery,
            "duration": self.duration, "status_code": self.status_code, "event": self.event,
            "status": if delivered { "OK" } else { "Invalid HTTP Response" },
            "action": self.payload()["action"], "installation_id": null, "repository_id": self.hook.about["id"],
            "throttled_at": null,
        })
    }

    /// As `GET …/hooks/{id}/deliveries/{id}` shows it.
    pub(super) fn detail(&self) -> Value {
        let mut detail = self.summary();
        detail["url"] = json!(self.hook.url);
        detail["request"] = json!({"headers": self.headers(), "payload": self.payload()});
        detail["response"] = json!({"headers": {}, "payload": self.response});
        detail
    }

    /// For tests that replay or alter a delivery: the very bytes and headers.
    pub(super) fn raw(&self) -> Value {
        let mut raw = self.detail();
        raw["body_base64"] = json!(STANDARD.encode(&self.body));
        raw
    }

    fn headers(&self) -> BTreeMap<&'static str, String> {
        let mut headers = BTreeMap::from([
            ("Accept", "*/*".to_owned()),
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", "GitHub-Hookshot/testkit".to_owned()),
            ("X-GitHub-Delivery", self.guid.clone()),
            ("X-GitHub-Event", self.event.clone()),
            ("X-GitHub-Hook-ID", self.hook.id.to_string()),
            ("X-GitHub-Hook-Installation-Target-ID", self.hook.about["id"].to_string()),
            ("X-GitHub-Hook-Installation-Target-Type", "repository".to_owned()),
        ]);
        if let Some(secret) = &self.hook.secret {
            headers.insert("X-Hub-Signature-256", sign(secret, &self.body));
        }
        headers
    }
}

/// The value of `X-Hub-Signature-256`.
fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("HMAC takes any key"));
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Delivers an event, of the emulator's or of the front's making, if the hook asked for it.
pub(super) async fn deliver(state: &State, hook: Hook, event: &str, payload: Value) {
    if let Some((event, payload)) = translate::as_github(&hook, event, payload, Utc::now()) {
        attempt(state, uuid::Uuid::new_v4().to_string(), hook, event, payload.to_string().into(), false).await;
    }
}

/// Sends a recorded delivery again, under the same GUID.
pub(super) async fn redeliver(state: &State, old: Delivery, hook: Hook) {
    attempt(state, old.guid, hook, old.event, old.body, true).await;
}

async fn attempt(state: &State, guid: String, hook: Hook, event: String, body: Bytes, redelivery: bool) {
    let mut delivery = Delivery {
        id: state.next_delivery(),
        guid,
        hook,
        event,
        body,
        redelivery,
        delivered_at: Utc::now(),
        duration: 0.0,
        status_code: 0,
        response: String::new(),
    };
    let started = Instant::now();
    let fault = state.faults.strike_delivery(&delivery.event, &delivery.hook.repository);
    let effect = fault.unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(effect.delay_ms)).await;
    if effect.drop || effect.status.is_some() {
        delivery.status_code = effect.status.unwrap_or(502);
    } else {
        (delivery.status_code, delivery.response) = post(state, &delivery).await;
    }
    delivery.duration = started.elapsed().as_secs_f64();
    state.deliveries.record(delivery);
}

async fn post(state: &State, delivery: &Delivery) -> (u16, String) {
    let mut request = state.outside.post(&delivery.hook.url).timeout(PATIENCE).body(delivery.body.clone());
    for (name, value) in delivery.headers() {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(response) => (response.status().as_u16(), response.text().await.unwrap_or_default()),
        Err(error) if error.is_timeout() => (504, "timed out".to_owned()),
        Err(error) => (502, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_githubs() {
        // The example of GitHub's documentation on validating deliveries.
        assert_eq!(
            sign("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
