//! The listener under test with everything around it.

use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use api_gateway::agents::{AgentsConfig, AgentsState, EgressConfig, ModelConfig, NameService, RegistryConfig, serve};
use axum::Router;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::control::Control;
use crate::logs;

/// The token of the run that every test starts with.
pub(crate) const TOKEN: &str = "cxr_dGhlIHRva2VuIG9mIHRoZSBydW4gdW5kZXIgdGVzdA";
/// The decoy of that run: its two values.
pub(crate) const DECOY: &str = "AKIAXQ2RMZ7VNEXAMP4K:hZq0bVtG4mXwE9rTnYuP2sLkJdFaC7oI5QxWvB8K";
/// The key that must never reach a pod.
pub(crate) const MODEL_KEY: &str = "sk-planted-model-key";

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) control: Control,
    pub(crate) client: reqwest::Client,
    /// The port that granted hosts are reached on, where a test has one.
    pub(crate) port: OnceCell<u16>,
    _stop: DropGuard,
}

/// What a test puts behind the listener.
pub(crate) struct Behind {
    pub(crate) model: Url,
    pub(crate) registries: RegistryConfig,
    pub(crate) egress: EgressConfig,
}

impl Default for Behind {
    fn default() -> Self {
        Self { model: nowhere(), registries: registries_at(&nowhere()), egress: EgressConfig::default() }
    }
}

/// An address where nothing listens.
fn nowhere() -> Url {
    "http://127.0.0.1:9/".parse().unwrap()
}

/// All registries below one address, each under its own path.
pub(crate) fn registries_at(base: &Url) -> RegistryConfig {
    let at = |path: &str| base.join(path).unwrap();
    RegistryConfig {
        npm: at("npm/"),
        pypi: at("pypi/"),
        pypi_files: at("pypi-files/"),
        crates_index: at("crates-index/"),
        crates_files: at("crates-files/"),
        go: at("go/"),
        go_sums: at("go-sums/"),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Behind::default()).await
    }

    pub(crate) async fn with(behind: Behind) -> Self {
        logs::watch();
        let control = Control::start().await;
        let config = AgentsConfig {
            model: ModelConfig { url: behind.model, key: MODEL_KEY.to_owned().into() },
            registries: behind.registries,
            egress: behind.egress,
        };
        let state = AgentsState::new(config, Arc::new(control.client())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, state, stop.clone()));
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { address, control, client, port: OnceCell::new(), _stop: stop.drop_guard() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(TOKEN)
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(self.url(path)).bearer_auth(TOKEN)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(logs::leaked(), Vec::<String>::new(), "a secret is in the logs");
        }
    }
}

/// Run id and token as a proxy client sends them.
pub(crate) fn basic(user: &str, token: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{token}")))
}

/// Serves a router on a port of its own until the test ends.
pub(crate) async fn serve_router(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// Names that a test makes up.
#[derive(Debug)]
pub(crate) struct Names(pub(crate) Vec<(&'static str, &'static str)>);

impl NameService for Names {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        let found = self.0.iter().filter(|(name, _)| *name == host).map(|(_, address)| address.parse().unwrap());
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    }
}
