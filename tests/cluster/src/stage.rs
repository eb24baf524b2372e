//! The running stack, found through the environment and through what the cluster itself says.

use anyhow::{Context, Result};
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
