//! A gateway with its stand-ins, and the keys they share.

use api_gateway::{Config, Gateway};
use contract::assertion::system_clock;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use reqwest::{RequestBuilder, Response};
use runtime::env::Reader;
use serde_json::Value;
use sha2::Sha256;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::github::GitHub;
use crate::platform::Platform;

pub(crate) const SECRET: &str = "first-secret-of-webhooks";
pub(crate) const SECOND_SECRET: &str = "second-secret-of-webhooks";
pub(crate) const CLIENT_SECRET: &str = "oauth-client-secret";
pub(crate) const KEY_ID: &str = "staff-1";
/// What browsers see; the tests' client goes to the socket instead.
pub(crate) const PUBLIC_URL: &str = "http://console.test";

pub(crate) struct Stack {
    pub(crate) address: String,
    pub(crate) canary: String,
    pub(crate) platform: Platform,
    pub(crate) github: GitHub,
    pub(crate) http: reqwest::Client,
    pub(crate) stop: CancellationToken,
    served: Option<JoinHandle<anyhow::Result<()>>>,
    _guard: DropGuard,
    _console: tempfile::TempDir,
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn private_pem(key: &SigningKey) -> String {
    key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

pub(crate) fn public_pem(key: &SigningKey) -> String {
    key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap()
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::with(PUBLIC_URL, system_clock, &[]).await
    }

    /// `clock` is the control-plane's; `more` are variables that replace or join the usual ones.
    pub(crate) async fn with(public_url: &str, clock: contract::assertion::Clock, more: &[(&str, &str)]) -> Self {
        let platform = Platform::start(&public_pem(&key(1)), clock).await;
        let github = GitHub::start().await;
        let console = tempfile::tempdir().unwrap();
        std::fs::create_dir(console.path().join("assets")).unwrap();
        std::fs::write(console.path().join("index.html"), "<!doctype html><title>codex-k8s</title>").unwrap();
        std::fs::write(console.path().join("favicon.svg"), "<svg/>").unwrap();
        std::fs::write(console.path().join("assets/app-1a2b.js"), "export {};\n".repeat(200)).unwrap();
        let any = "127.0.0.1:0".to_owned();
        let mut variables = vec![
            ("PUBLIC_LISTEN", any.clone()),
            ("AGENTS_LISTEN", any.clone()),
            ("CANARY_LISTEN", any.clone()),
            ("INTEGRATIONS_LISTEN", any.clone()),
            ("OPS_LISTEN", any),
            ("PUBLIC_URL", public_url.to_owned()),
            ("CONTROL_PLANE_URL", platform.address.clone()),
            ("CONSOLE_DIR", console.path().display().to_string()),
            ("WEBHOOK_SECRETS", format!("{SECRET},{SECOND_SECRET}")),
            ("GITHUB_OAUTH_CLIENT_ID", "client".to_owned()),
            ("GITHUB_OAUTH_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("GITHUB_WEB_URL", github.address.clone()),
            ("GITHUB_API_URL", github.address.clone()),
            ("ASSERTION_PRIVATE_KEY", private_pem(&key(1))),
            ("STAFF_JWT_PRIVATE_KEY", private_pem(&key(2))),
            ("STAFF_JWT_KEY_ID", KEY_ID.to_owned()),
            ("MODEL_API_URL", "http://127.0.0.1:9/v1".to_owned()),
            ("MODEL_API_KEY", "sk-model".to_owned()),
        ];
        variables.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let variables = variables.into_iter().map(|(name, value)| (format!("CODEXK8S_{name}"), value));
        let gateway = Gateway::bind(Config::read(Reader::from_pairs(variables)).unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let (address, canary) = (gateway.public_address().unwrap(), gateway.canary_address().unwrap());
        let served = Some(tokio::spawn(gateway.serve(stop.clone())));
        Self {
            address: format!("http://{address}"),
            canary: format!("http://{canary}"),
            platform,
            github,
            http: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap(),
            _guard: stop.clone().drop_guard(),
            stop,
            served,
            _console: console,
        }
    }

    /// Stops the gateway and waits until it has ended.
    pub(crate) async fn stopped(&mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.served.take().unwrap().await.unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.address))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.address))
    }

    /// A delivery as GitHub would send it, signed with `secret`.
    pub(crate) fn delivery(&self, event: &str, body: impl Into<Vec<u8>>, secret: &str) -> RequestBuilder {
        let body = body.into();
        self.post("/api/v1/webhooks/github")
            .header("x-github-event", event)
            .header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
            .header("x-hub-signature-256", signature(&body, secret))
            .header("content-type", "application/json")
            .body(body)
    }
}

pub(crate) fn signature(body: &[u8], secret: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Status, headers and body; the body as JSON where it is.
pub(crate) async fn sent(request: RequestBuilder) -> (u16, HeaderMap, Value) {
    read(request.send().await.unwrap()).await
}

pub(crate) async fn read(response: Response) -> (u16, HeaderMap, Value) {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
