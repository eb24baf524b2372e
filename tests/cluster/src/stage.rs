//! The running stack, found through the environment and through what the cluster itself says.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use serde_json::Value;
use sqlx::postgres::{PgPool, PgPoolOptions};
use testkit::console::Console;
use testkit::github::Front;

use crate::cluster::{Cluster, PLATFORM};

/// Where everything is.
pub struct Stage {
    /// The cluster, as its administrator.
    pub cluster: Cluster,
    /// GitHub's stand-in.
    pub front: Front,
    /// The platform's database.
    pub db: PgPool,
}

impl Stage {
    /// Connects to all of it.
    ///
    /// # Errors
    /// When a variable is missing or something does not answer.
    pub async fn find() -> Result<Self> {
        let cluster = Cluster::connect().await?;
        let front = Front::at(&variable("CODEXK8S_GITHUB_URL")?)?;
        let secret = cluster.secret(PLATFORM, "control-plane").await?;
        let url = secret.get("database-url").context("the control-plane's Secret names no database")?;
        let db = PgPoolOptions::new().max_connections(2).connect(url).await.context("the platform's database")?;
        Ok(Self { cluster, front, db })
    }

    /// What the scripted model was sent in its requests that contain a text, oldest first.
    ///
    /// # Errors
    /// When the gateway names no model, or it does not answer.
    pub async fn asked_of_the_model(&self, contains: &str) -> Result<Vec<Value>> {
        let settings = self.cluster.api::<ConfigMap>(PLATFORM).list(&ListParams::default()).await?.items;
        let mut settings = settings.into_iter().filter_map(|one| one.data?.remove("CODEXK8S_MODEL_API_URL"));
        let url = settings.next_back().context("no ConfigMap names the model")?;
        let url = format!("{}/_script/requests", url.trim_end_matches("/v1"));
        let http = reqwest::Client::builder().no_proxy().build()?;
        let all: Vec<Value> = http.get(url).query(&[("contains", contains)]).send().await?.json().await?;
        Ok(all.into_iter().map(|one| one["body"]["input"].clone()).collect())
    }

    /// The owner, signed in at the console.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn owner(&self) -> Result<Console> {
        Console::sign_in(&variable("CODEXK8S_CONSOLE_URL")?, &self.front, &variable("CODEXK8S_OWNER_LOGIN")?).await
    }
}

pub(crate) fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set; run these tests by `cargo xtask test cluster`"))
}
