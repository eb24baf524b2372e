//! Deliveries as GitHub sends them: signed `issues.labeled` events, each for an issue of its own, so that each starts a
//! run.

use anyhow::Result;
use bytes::Bytes;
use contract::assertion::{Caller, Signer};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use sha2::Sha256;

use crate::installation::{MEMBER, REPOSITORY};

/// What the deliveries are signed with.
pub const SECRET: &str = "rig-webhook-secret";

/// A request that may be sent any number of times.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// GitHub's id of the delivery.
    pub guid: String,
    /// Path of the request.
    pub path: &'static str,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// The payload of `run:dev` being put on an issue right now, about as long as GitHub's own.
#[must_use]
pub fn payload(issue: u64) -> String {
    let person = |id: i64, login: &str| {
        let page = format!("https://api.github.test/users/{login}");
        json!({
            "id": id, "login": login, "type": "User", "url": page, "html_url": format!("https://github.test/{login}"),
            "followers_url": format!("{page}/followers"), "repos_url": format!("{page}/repos"),
            "events_url": format!("{page}/events"), "site_admin": false,
        })
    };
    let urls: serde_json::Map<_, _> = (0..40)
        .map(|n| (format!("link_{n}_url"), json!(format!("https://api.github.test/repos/rig/app/link-{n}{{/id}}"))))
        .collect();
    json!({
        "action": "labeled",
        "label": { "id": 7, "name": "run:dev", "color": "0e8a16", "description": "Start development" },
        "issue": {
            "number": issue, "title": format!("Issue {issue}"), "state": "open", "labels": [{ "name": "run:dev" }],
            "body": "A paragraph of what somebody wants, with its reasons. ".repeat(20),
            "html_url": format!("https://github.test/rig/app/issues/{issue}"),
            "updated_at": chrono::Utc::now().to_rfc3339(), "user": person(MEMBER, "member"), "comments": 0,
        },
        "repository": {
            "id": REPOSITORY, "full_name": "rig/app", "name": "app", "private": true, "owner": person(1, "rig"),
            "links": urls,
        },
        "sender": person(MEMBER, "member"),
    })
    .to_string()
}

impl Delivery {
    /// A label on an issue, signed, for the gateway.
    #[must_use]
    pub fn labelled(guid: &str, issue: u64) -> Self {
        let body = payload(issue).into_bytes();
        let mut headers = headers_of(guid);
        insert(&mut headers, "x-hub-signature-256", &format!("sha256={}", signature(&body)));
        Self { guid: guid.to_owned(), path: "/api/v1/webhooks/github", headers, body: body.into() }
    }
}

impl Delivery {
    /// The same for the control-plane itself, vouched for by `signer` as the gateway would.
    ///
    /// # Errors
    /// When the signer's key cannot sign.
    pub fn asserted(guid: &str, issue: u64, signer: &Signer) -> Result<Self> {
        let (path, body) = ("/internal/v1/webhooks/github", payload(issue).into_bytes());
        let caller = Caller::Webhook { event: "issues".to_owned(), delivery_guid: guid.to_owned() };
        let mut headers = headers_of(guid);
        let assertion = signer.sign(&Method::POST, path, &body, &caller)?;
        insert(&mut headers, "x-codexk8s-assertion", &assertion);
        Ok(Self { guid: guid.to_owned(), path, headers, body: body.into() })
    }
}

fn headers_of(guid: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    insert(&mut headers, "content-type", "application/json");
    insert(&mut headers, "x-github-event", "issues");
    insert(&mut headers, "x-github-delivery", guid);
    headers
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).unwrap_or_else(|_| unreachable!("only visible characters are inserted"));
    headers.insert(name, value);
}

fn signature(body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap_or_else(|_| unreachable!("any length will do"));
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
