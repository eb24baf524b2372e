//! When the control-plane may serve: the database answers, its schema is new enough, and the encryption key is the one
//! that its secrets were sealed with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::catalogue::Catalogue;
use runtime::Pace;
use runtime::ops::Flag;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use vault::Sealed;

use crate::config::Config;
use crate::state::App;

/// The setting that holds a value sealed with the key of this installation.
const CANARY: &str = "vault_canary";

/// Runs the migrations, then makes the platform's roles and its first owner.
///
/// # Errors
/// The database's.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let pool = store::connect(&config.database_url, 1, "migrations")?;
    store::MIGRATOR.run(&pool).await.context("running the migrations")?;
    store::agents::seed(&pool, Catalogue::builtin()).await.context("writing the platform's roles")?;
    // The catalogue of this release may have others.
    store::repositories::labels::all_are_due(&pool).await.context("having the labels looked at")?;
    if store::users::ensure_owner(&pool, &config.owner_email).await? {
        tracing::info!("the platform has its first owner");
    }
    Ok(())
}

/// Keeps the readiness flags true to the facts. A wrong encryption key ends the process: nothing it could do would be
/// right, and nothing was overwritten.
pub(crate) async fn watch(app: App, postgres: Flag, key: Flag, stop: CancellationToken) -> anyhow::Result<()> {
    let mut pace = Pace::new(Duration::from_secs(2), Arc::new(Notify::new()));
    let mut key_is_right = false;
    while pace.turn(&stop).await {
        let ready = store::wait_until_ready(&app.pool).await;
        postgres.set(ready.is_ok());
        match ready {
            Err(error) => tracing::warn!(error = format!("{:#}", anyhow::Error::from(error)), "not ready"),
            Ok(()) if key_is_right => {}
            Ok(()) => {
                check_key(&app).await?;
                key_is_right = true;
                key.set(true);
            }
        }
    }
    Ok(())
}

async fn check_key(app: &App) -> anyhow::Result<()> {
    let ours = json!(BASE64_STANDARD.encode(app.keyring.canary().context("sealing a canary")?.as_bytes()));
    let stored = store::settings::put_if_absent(&app.pool, CANARY, &ours).await.context("reading the canary")?;
    let stored = stored.as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
    let Some(stored) = stored else { bail!("the canary in system_settings is damaged") };
    app.keyring
        .verify_canary(&Sealed::from_bytes(stored))
        .context("CODEXK8S_ENCRYPTION_KEYS is not the key that this database's secrets were sealed with")
}
