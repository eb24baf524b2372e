//! Programs that were set up wrongly say all that is wrong and end; programs whose surroundings are missing wait.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{PLATFORM, Stage, alone, until};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Every program with the variables it cannot do without.
const NEEDED: [(&str, &[&str]); 4] = [
    (
        "api-gateway",
        &[
            "CONTROL_PLANE_URL",
            "PUBLIC_URL",
            "CONSOLE_DIR",
            "ASSERTION_PRIVATE_KEY",
            "WEBHOOK_SECRETS",
            "GITHUB_OAUTH_CLIENT_ID",
            "GITHUB_OAUTH_CLIENT_SECRET",
            "STAFF_JWT_PRIVATE_KEY",
            "STAFF_JWT_KEY_ID",
            "MODEL_API_URL",
            "MODEL_API_KEY",
        ],
    ),
    (
        "control-plane",
        &["DATABASE_URL", "ENCRYPTION_KEYS", "ASSERTION_PUBLIC_KEYS", "OWNER_EMAIL", "WEBHOOK_URL", "WEBHOOK_SECRET"],
    ),
    ("worker", &["DATABASE_URL", "ENCRYPTION_KEYS", "DERIVATION_KEY", "PUBLIC_URL", "AGENT_IMAGE"]),
    ("agent-runner", &["GATEWAY_URL", "RUN_ID", "RUN_TOKEN", "EGRESS_PROBES"]),
];

/// A key of the right shape that sealed nothing.
const STRANGE_KEY: &str = "strange:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[tokio::test]
async fn all_that_is_missing_is_said_at_once() -> Result<()> {
    for (name, needed) in NEEDED {
        let output = finished(program(name, &BTreeMap::new())?).await?;
        ensure!(!output.status.success(), "{name} starts with nothing");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        for variable in needed {
            ensure!(said.contains(&format!("CODEXK8S_{variable}")), "{name} does not miss {variable}:\n{said}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_database_and_cluster_programs_wait_and_are_not_ready() -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
    for name in ["control-plane", "worker"] {
        let ops = free_address().await?;
        let mut settings = settings(&Stage::find().await?, name).await?;
        settings.insert("CODEXK8S_DATABASE_URL".into(), "postgres://nobody:x@127.0.0.1:9/nothing".into());
        settings.insert("CODEXK8S_OPS_LISTEN".into(), ops.to_string());
        settings.insert("KUBECONFIG".into(), unreachable_cluster()?);
        let mut child =
            program(name, &settings)?.kill_on_drop(true).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        until("the ops listener", Duration::from_secs(20), async || {
            Ok(http.get(format!("http://{ops}/healthz")).send().await.ok().filter(|answer| answer.status() == 200))
        })
        .await
        .context(name)?;
        let ready = http.get(format!("http://{ops}/readyz")).send().await?.status();
        ensure!(ready == 503, "{name} without a database is ready: {ready}");
        // Longer than a connection attempt and its repetition: a crash would show.
        let ended = tokio::time::timeout(Duration::from_secs(6), child.wait()).await;
        ensure!(ended.is_err(), "{name} does not wait for its database: {ended:?}");
        child.kill().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_encryption_key_serves_nobody_and_overwrites_nothing() -> Result<()> {
    alone(async |scene| {
        let kept = async || -> Result<(Vec<u8>, String)> {
            let sql = "SELECT (SELECT token_sealed FROM repositories WHERE id = $1::uuid), \
                (SELECT value::text FROM system_settings WHERE key = 'vault_canary')";
            Ok(sqlx::query_as(sql).bind(&scene.repository).fetch_one(&scene.stage.db).await?)
        };
        let before = kept().await?;
        for name in ["control-plane", "worker"] {
            let mut settings = settings(&scene.stage, name).await?;
            settings.insert("CODEXK8S_ENCRYPTION_KEYS".into(), STRANGE_KEY.into());
            let output = finished(program(name, &settings)?).await?;
            ensure!(!output.status.success(), "{name} works with a wrong key");
            let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
            ensure!(said.to_lowercase().contains("encryption"), "{name} does not name the key:\n{said}");
        }
        ensure!(kept().await? == before, "something was overwritten");
        Ok(())
    })
    .await
}

/// What a program is told in the cluster, with listeners of its own.
async fn settings(stage: &Stage, name: &str) -> Result<BTreeMap<String, String>> {
    let secret = stage.cluster.secret(PLATFORM, name).await?;
    let listen = free_address().await?.to_string();
    let mut settings: BTreeMap<String, String> = [
        ("LISTEN", listen.as_str()),
        ("OPS_LISTEN", "127.0.0.1:0"),
        ("OWNER_EMAIL", "olga@acme.test"),
        ("WEBHOOK_URL", "http://127.0.0.1:1/"),
        ("PUBLIC_URL", "http://127.0.0.1:1"),
        ("AGENT_IMAGE", "registry.invalid/agent:absent"),
    ]
    .map(|(name, value)| (format!("CODEXK8S_{name}"), value.to_owned()))
    .into();
    for (key, value) in secret {
        settings.insert(format!("CODEXK8S_{}", key.to_uppercase().replace('-', "_")), value);
    }
    settings.insert("KUBECONFIG".into(), std::env::var("KUBECONFIG")?);
    Ok(settings)
}

/// One of the platform's programs with exactly this environment.
fn program(name: &str, settings: &BTreeMap<String, String>) -> Result<Command> {
    let folder = std::env::var("CODEXK8S_PROGRAMS").context("CODEXK8S_PROGRAMS is not set")?;
    let mut command = Command::new(PathBuf::from(folder).join(name));
    command.env_clear().envs(settings).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

async fn finished(mut program: Command) -> Result<Output> {
    let output = program.kill_on_drop(true).output();
    tokio::time::timeout(Duration::from_secs(30), output)
        .await
        .context("the program goes on")?
        .context("cannot start it")
}

async fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

/// A kubeconfig of an API server that is not there.
fn unreachable_cluster() -> Result<String> {
    let path = std::env::temp_dir().join(format!("codex-k8s-no-cluster-{}", std::process::id()));
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "none",
        "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "none", "user": {}}],
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    });
    std::fs::write(&path, config.to_string())?;
    Ok(path.to_string_lossy().into_owned())
}
