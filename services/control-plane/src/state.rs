//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use cluster::Looker;
use contract::{Document, Tools};
use secrecy::SecretString;
use store::PgPool;
use url::Url;
use vault::Keyring;

use crate::config::Config;
use crate::live::Hub;
use crate::wake::Waker;

/// Handlers' state; cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

/// Behind [`App`].
#[derive(Debug)]
pub struct Inner {
    pub(crate) pool: PgPool,
    /// For webhooks alone.
    pub(crate) intake: PgPool,
    pub(crate) keyring: Keyring,
    /// What agents may call.
    pub(crate) tools: Tools,
    pub(crate) waker: Waker,
    pub(crate) hub: Hub,
    pub(crate) github_api_url: Url,
    pub(crate) github_git_url: Url,
    pub(crate) webhook_url: Url,
    pub(crate) webhook_secret: SecretString,
    pub(crate) live_answer: Duration,
    pub(crate) gateway_namespace: String,
    pub(crate) looker: Option<Looker>,
}

impl App {
    /// State for a configuration; the database need not answer yet.
    ///
    /// # Errors
    /// When the database's address cannot be read, or a contract cannot be compiled.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let (url, size) = (&config.database_url, config.database_pool);
        let pool = store::connect(url, size, "control-plane")?;
        let intake = store::connect_intake(url, size, "control-plane-intake")?;
        Ok(Self(Arc::new(Inner {
            pool,
            intake,
            keyring: config.keyring.clone(),
            tools: Tools::new(&Document::agent()?)?,
            waker: Waker::default(),
            hub: Hub::default(),
            github_api_url: config.github_api_url.clone(),
            github_git_url: config.github_git_url.clone(),
            webhook_url: config.webhook_url.clone(),
            webhook_secret: config.webhook_secret.clone(),
            live_answer: config.live_answer,
            gateway_namespace: config.gateway_namespace.clone(),
            looker: config.looker.clone(),
        })))
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
