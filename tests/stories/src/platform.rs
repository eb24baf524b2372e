//! The platform in this process: control-plane and gateway on free ports, with a database of their own.

use std::sync::Arc;

use anyhow::{Context, Result};
use api_gateway::Gateway;
use cluster::Cluster;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use runtime::env::Reader;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use vault::{DerivationKey, Keyring};

use crate::kubernetes::Kubernetes;
use crate::service::ClusterNames;

/// What GitHub signs deliveries with, and what it signed with before the last rotation.
pub const WEBHOOK_SECRETS: [&str; 2] = ["story-webhook-secret-new", "story-webhook-secret-old"];

/// A running platform; it ends when this is dropped.
pub struct Platform {
    url: String,
    agents_url: String,
    integrations_url: String,
    /// What a worker has to be told to belong to it.
    worker: Vec<(&'static str, String)>,
    /// Its database.
    pub db: PgPool,
    /// What stands in the namespaces of its runs.
    pub environment: Kubernetes,
    tasks: JoinSet<Result<()>>,
    stop: CancellationToken,
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Platform {
    /// Starts a platform on GitHub's stand-in at `github`; whoever has `owner_email` becomes its owner.
    ///
    /// # Errors
    /// When no database can be made, or a part does not start.
    pub async fn start(github: &str, owner_email: &str) -> Result<Self> {
        let database_url = new_database().await?;
        let control_listener = TcpListener::bind("127.0.0.1:0").await?;
        let control_url = format!("http://{}", control_listener.local_addr()?);
        let key = SigningKey::from_bytes(&[7; 32]);
        let console = std::env::temp_dir();
        let gateway = gateway(github, &control_url, &key, console.to_str().unwrap_or_default()).await?;
        let url = format!("http://{}", gateway.public_address()?);
        let agents_url = format!("http://{}", gateway.agents_address()?);
        let integrations_url = format!("http://{}", gateway.integrations_address()?);
        let keyring = Keyring::generate_entry("story");
        let mut config = control_plane((github, &url), &database_url, &keyring, &key, owner_email)?;
        let environment = Kubernetes::default();
        config.looker = Some(environment.looker());
        let worker = vec![
            ("DATABASE_URL", database_url.clone()),
            ("DATABASE_POOL", "4".to_owned()),
            ("ENCRYPTION_KEYS", keyring.expose_secret().to_owned()),
            ("DATABASES_URL", projects_server().await?),
            ("DERIVATION_KEY", DerivationKey::generate().expose_secret().to_owned()),
            ("PUBLIC_URL", url.clone()),
            ("GITHUB_API_URL", github.to_owned()),
            ("AGENT_IMAGE", "agent:story".to_owned()),
            ("OPS_LISTEN", "127.0.0.1:0".to_owned()),
            ("REDELIVERY_SECONDS", "1".to_owned()),
            ("INTEGRATIONS_URL", integrations_url.clone()),
            ("CHANNEL_ANSWER_SECONDS", "1".to_owned()),
            ("CHANNEL_ALLOWED_RANGES", "127.0.0.0/8".to_owned()),
        ];
        control_plane::migrate(&config).await?;
        let db = PgPool::connect(&database_url).await?;
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        tasks.spawn(control_plane::run(config, control_listener, stop.clone()));
        tasks.spawn(gateway.serve(stop.clone()));
        Ok(Self { url, agents_url, integrations_url, worker, db, environment, tasks, stop })
    }

    /// Adds a worker, with a cluster that has nothing but the environment: it makes approved changes there, hears what
    /// GitHub's log holds, delivers and sweeps. It would claim waiting runs too, and fail to launch them.
    ///
    /// # Errors
    /// When its configuration is refused.
    pub fn add_worker(&mut self) -> Result<()> {
        let config = self.config_with("", None)?;
        self.tasks.spawn(worker::run_on(config, self.environment.cluster(), self.stop.clone()));
        Ok(())
    }

    /// Adds a worker in this cluster, which can end or die before the platform does.
    ///
    /// # Errors
    /// When its configuration is refused.
    pub fn worker_in(&self, cluster: Cluster) -> Result<Worker> {
        self.worker_with("", None, cluster)
    }

    /// The same with another value of a variable, or without it.
    ///
    /// # Errors
    /// When its configuration is refused.
    pub fn worker_with(&self, variable: &str, value: Option<&str>, cluster: Cluster) -> Result<Worker> {
        let config = self.config_with(variable, value)?;
        let stop = self.stop.child_token();
        Ok(Worker { task: tokio::spawn(worker::run_on(config, cluster, stop.clone())), stop })
    }

    /// What a worker is told, but for this variable; names of the cluster lead to the story's services.
    fn config_with(&self, variable: &str, value: Option<&str>) -> Result<worker::Config> {
        let said = |name: &str, usual: &str| {
            if name == variable { value.map(str::to_owned) } else { Some(usual.to_owned()) }
        };
        let given = self.worker.iter().filter_map(|(name, usual)| Some((*name, said(name, usual)?)));
        let given: Vec<_> = given.collect();
        let pairs: Vec<_> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut config = worker::Config::read(reader(&pairs))?;
        config.channels.names = Arc::new(ClusterNames);
        Ok(config)
    }

    /// Where people and GitHub reach it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where pods reach it.
    #[must_use]
    pub fn agents_url(&self) -> &str {
        &self.agents_url
    }

    /// Where services of others reach it.
    #[must_use]
    pub fn integrations_url(&self) -> &str {
        &self.integrations_url
    }

    /// Fails when a part has ended; called at the end of each story.
    ///
    /// # Errors
    /// With what ended it.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.tasks.try_join_next() {
            None => Ok(()),
            Some(ended) => ended?.and_then(|()| anyhow::bail!("a part of the platform ended")),
        }
    }
}

/// A worker of a story; it ends when this is dropped.
pub struct Worker {
    task: JoinHandle<Result<()>>,
    stop: CancellationToken,
}

impl Worker {
    /// Ends it as a rollout does.
    ///
    /// # Errors
    /// With what had ended it before.
    pub async fn end(mut self) -> Result<()> {
        self.stop.cancel();
        (&mut self.task).await?
    }

    /// It dies where it stands.
    pub fn die(self) {
        self.task.abort();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn new_database() -> Result<String> {
    let server = std::env::var("DATABASE_URL").context("DATABASE_URL is not set: run `cargo xtask test story`")?;
    let mut connection = PgConnection::connect(&server).await.context("the tests' PostgreSQL does not answer")?;
    let name = format!("story_{}", Uuid::now_v7().simple());
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
    let (server, _) = server.rsplit_once('/').context("DATABASE_URL names no database")?;
    Ok(format!("{server}/{name}"))
}

/// The server that projects' databases are made on, by a role that is no superuser.
async fn projects_server() -> Result<String> {
    let server = std::env::var("DATABASE_URL").context("DATABASE_URL is not set: run `cargo xtask test story`")?;
    let mut connection = PgConnection::connect(&server).await.context("the tests' PostgreSQL does not answer")?;
    let role = "DO $$ BEGIN CREATE ROLE story_projects LOGIN CREATEDB CREATEROLE;
                EXCEPTION WHEN OTHERS THEN NULL; END $$";
    sqlx::query(role).execute(&mut connection).await?;
    let mut url = Url::parse(&server)?;
    url.set_username("story_projects").ok().context("an address without a user")?;
    Ok(url.into())
}

async fn gateway(github: &str, control_plane: &str, key: &SigningKey, console: &str) -> Result<Gateway> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let public = listener.local_addr()?.to_string();
    let pem = key.to_pkcs8_pem(LineEnding::LF)?;
    let url = format!("http://{public}");
    let secrets = WEBHOOK_SECRETS.join(",");
    let pairs = [
        ("PUBLIC_LISTEN", public.as_str()),
        ("AGENTS_LISTEN", "127.0.0.1:0"),
        ("CANARY_LISTEN", "127.0.0.1:0"),
        ("INTEGRATIONS_LISTEN", "127.0.0.1:0"),
        ("OPS_LISTEN", "127.0.0.1:0"),
        ("PUBLIC_URL", &url),
        ("CONTROL_PLANE_URL", control_plane),
        ("ASSERTION_PRIVATE_KEY", &pem),
        ("STAFF_JWT_PRIVATE_KEY", &pem),
        ("STAFF_JWT_KEY_ID", "story"),
        ("CONSOLE_DIR", console),
        ("WEBHOOK_SECRETS", &secrets),
        ("GITHUB_OAUTH_CLIENT_ID", "codex-k8s-dev"),
        ("GITHUB_OAUTH_CLIENT_SECRET", "codex-k8s-dev-secret"),
        ("GITHUB_WEB_URL", github),
        ("GITHUB_API_URL", github),
        ("MODEL_API_URL", "http://127.0.0.1:9"),
        ("MODEL_API_KEY", "sk-story"),
        ("EGRESS_ANSWER_SECONDS", "0"),
        // Nobody in a story is told to slow down.
        ("STAFF_BURST", "1000"),
    ];
    Gateway::bind_beside(listener, api_gateway::Config::read(reader(&pairs))?).await
}

fn control_plane(
    (github, public_url): (&str, &str),
    database_url: &str,
    keyring: &SecretString,
    key: &SigningKey,
    owner_email: &str,
) -> Result<control_plane::Config> {
    let pem = key.verifying_key().to_public_key_pem(LineEnding::LF)?;
    let webhook_url = format!("{public_url}/api/v1/webhooks/github");
    let pairs = [
        ("LISTEN", "127.0.0.1:0"),
        ("OPS_LISTEN", "127.0.0.1:0"),
        ("DATABASE_URL", database_url),
        ("DATABASE_POOL", "8"),
        ("ENCRYPTION_KEYS", keyring.expose_secret()),
        ("ASSERTION_PUBLIC_KEYS", &pem),
        ("OWNER_EMAIL", owner_email),
        ("GITHUB_API_URL", github),
        ("GITHUB_GIT_URL", github),
        ("WEBHOOK_URL", &webhook_url),
        ("WEBHOOK_SECRET", WEBHOOK_SECRETS[0]),
        ("LIVE_ANSWER_SECONDS", "1"),
    ];
    Ok(control_plane::Config::read(reader(&pairs))?)
}

fn reader(pairs: &[(&str, &str)]) -> Reader {
    Reader::from_pairs(pairs.iter().map(|(name, value)| (format!("CODEXK8S_{name}"), (*value).to_owned())))
}
