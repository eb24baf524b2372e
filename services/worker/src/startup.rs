//! Before a worker works: the database has its schema, the cluster answers, and the encryption keys are those that the
//! database was written with. Absence is waited for; wrong keys end the process, since nothing it could do would help.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use runtime::Pace;
use runtime::ops::Flag;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use vault::Sealed;

use crate::Deps;

/// The setting that a new database is marked with: a sealed value in base64, as the control-plane reads it too.
const CANARY: &str = "vault_canary";
const PATIENCE: Duration = Duration::from_secs(2);
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// What a worker needs to be ready.
pub(crate) struct Flags {
    pub(crate) postgres: Flag,
    pub(crate) kubernetes: Flag,
}

/// Waits for database and cluster. Answers `false` when the process is told to stop first.
pub(crate) async fn wait_until_ready(deps: &Deps, flags: &Flags, stop: &CancellationToken) -> anyhow::Result<bool> {
    let mut pace = Pace::new(PATIENCE, Arc::default());
    while pace.turn(stop).await {
        if check(deps, flags).await {
            verify_keys(deps).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps the flags true to what is the case.
pub(crate) async fn keep_checking(deps: Arc<Deps>, flags: Flags, stop: CancellationToken) -> anyhow::Result<()> {
    let mut pace = Pace::new(CHECK_EVERY, Arc::default());
    while pace.turn(&stop).await {
        check(&deps, &flags).await;
    }
    Ok(())
}

async fn check(deps: &Deps, flags: &Flags) -> bool {
    let (postgres, kubernetes) = tokio::join!(store::wait_until_ready(&deps.db), deps.cluster.check());
    flags.postgres.set(postgres.is_ok());
    flags.kubernetes.set(kubernetes.is_ok());
    let problems = [
        postgres.err().map(|error| format!("{:#}", anyhow::Error::new(error))),
        kubernetes.err().map(|error| format!("{:#}", anyhow::Error::new(error))),
    ];
    for problem in problems.iter().flatten() {
        tracing::warn!(problem, "not ready");
    }
    problems.iter().all(Option::is_none)
}

async fn verify_keys(deps: &Deps) -> anyhow::Result<()> {
    let ours = deps.config.keyring.canary().context("the encryption keys cannot encrypt")?;
    let mark = json!(BASE64_STANDARD.encode(ours.as_bytes()));
    let stored = store::settings::put_if_absent(&deps.db, CANARY, &mark).await.context("cannot read the key mark")?;
    let bytes =
        stored.as_str().and_then(|text| BASE64_STANDARD.decode(text).ok()).context("the key mark is damaged")?;
    deps.config
        .keyring
        .verify_canary(&Sealed::from_bytes(bytes))
        .context("CODEXK8S_ENCRYPTION_KEYS is not the key that this database's secrets were sealed with")
}
