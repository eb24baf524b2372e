//! The real control-plane and gateway as processes of their own, so that they can be killed at any moment.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use testkit::ports::free_port;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vault::Keyring;

use crate::delivery::SECRET;
use crate::installation::OWNER_EMAIL;
use crate::until;

/// The programs to run.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The control-plane.
    pub control_plane: PathBuf,
    /// The gateway.
    pub gateway: PathBuf,
}

/// The platform over one database; its processes end with this.
#[derive(Debug)]
pub struct Platform {
    /// The control-plane.
    pub control_plane: Process,
    /// The gateway.
    pub gateway: Process,
}

impl Platform {
    /// Migrates the database and starts both processes; answers once they are ready.
    ///
    /// # Errors
    /// When a process does not come up; the end of its log is in the error.
    pub async fn start(programs: &Programs, database_url: &str, pool: u32) -> Result<Self> {
        let logs = tempfile::tempdir()?;
        let private = assertion_key()?;
        let public = key().verifying_key().to_public_key_pem(LineEnding::LF)?;
        let mut control_plane = Process::new(&programs.control_plane, "control-plane", &["LISTEN"], &logs)?;
        control_plane.set("DATABASE_URL", database_url);
        control_plane.set("DATABASE_POOL", &pool.to_string());
        control_plane.set("ENCRYPTION_KEYS", Keyring::generate_entry("rig").expose_secret());
        control_plane.set("ASSERTION_PUBLIC_KEYS", &public);
        control_plane.set("OWNER_EMAIL", OWNER_EMAIL);
        control_plane.set("WEBHOOK_URL", "http://rig.test/api/v1/webhooks/github");
        control_plane.set("WEBHOOK_SECRET", SECRET);
        control_plane.migrate()?;
        control_plane.start().await?;
        let names = ["PUBLIC_LISTEN", "AGENTS_LISTEN", "CANARY_LISTEN", "INTEGRATIONS_LISTEN"];
        let mut gateway = Process::new(&programs.gateway, "gateway", &names, &logs)?;
        for (name, value) in [
            ("PUBLIC_URL", "http://rig.test"),
            ("CONTROL_PLANE_URL", &format!("http://{}", control_plane.address)),
            ("ASSERTION_PRIVATE_KEY", private.expose_secret()),
            ("STAFF_JWT_PRIVATE_KEY", private.expose_secret()),
            ("STAFF_JWT_KEY_ID", "rig"),
            ("CONSOLE_DIR", "/"),
            ("WEBHOOK_SECRETS", SECRET),
            ("GITHUB_OAUTH_CLIENT_ID", "rig"),
            ("GITHUB_OAUTH_CLIENT_SECRET", "rig-oauth-secret"),
            ("MODEL_API_URL", "http://127.0.0.1:9"),
            ("MODEL_API_KEY", "sk-rig"),
        ] {
            gateway.set(name, value);
        }
        gateway.start().await?;
        gateway.logs = Some(logs);
        Ok(Self { control_plane, gateway })
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// What the gateway vouches with, as PEM.
///
/// # Errors
/// When the key cannot be written down.
pub fn assertion_key() -> Result<SecretString> {
    Ok(key().to_pkcs8_pem(LineEnding::LF)?.as_str().into())
}

/// One process of the platform.
#[derive(Debug)]
pub struct Process {
    program: PathBuf,
    name: &'static str,
    env: Vec<(String, String)>,
    /// Where it listens: the control-plane for the gateway, the gateway for GitHub.
    pub address: SocketAddr,
    /// Liveness, readiness and metrics.
    pub ops: SocketAddr,
    log: PathBuf,
    logs: Option<TempDir>,
    child: Option<Child>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    fn new(program: &Path, name: &'static str, listeners: &[&str], logs: &TempDir) -> Result<Self> {
        let loopback = || -> Result<SocketAddr> { Ok(([127, 0, 0, 1], free_port()?).into()) };
        let log = logs.path().join(name);
        let (address, ops) = (loopback()?, loopback()?);
        let mut process =
            Self { program: program.to_owned(), name, env: Vec::new(), address, ops, log, logs: None, child: None };
        process.set("OPS_LISTEN", &ops.to_string());
        process.set("LOG", "warn");
        for (place, listener) in listeners.iter().enumerate() {
            let address = if place == 0 { address } else { loopback()? };
            process.set(listener, &address.to_string());
        }
        Ok(process)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.push((format!("CODEXK8S_{name}"), value.to_owned()));
    }

    /// Where it listens beside `address`: what the setting `CODEXK8S_<name>` says.
    ///
    /// # Errors
    /// When it has no such listener.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        let setting = format!("CODEXK8S_{name}");
        let value = self.env.iter().find_map(|(name, value)| (*name == setting).then_some(value));
        Ok(value.with_context(|| format!("the {} has no {name}", self.name))?.parse()?)
    }

    fn command(&self) -> Result<Command> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    fn migrate(&self) -> Result<()> {
        let status = self.command()?.arg("migrate").status().context("cannot run the migrations")?;
        if !status.success() {
            bail!("the migrations failed: {}", self.last_words());
        }
        Ok(())
    }

    /// Starts it, for the first time or again; answers once it says that it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the end of its log is in the error.
    pub async fn start(&mut self) -> Result<()> {
        self.child = Some(self.command()?.spawn().with_context(|| format!("cannot start {}", self.program.display()))?);
        let limit = Duration::from_secs(30);
        until(&format!("the start of the {}", self.name), limit, async || Ok(self.is_ready().await.unwrap_or_default()))
            .await
            .with_context(|| self.last_words())
    }

    /// Kills it with `SIGKILL`, and reaps it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take()
            && let Err(error) = child.kill().and_then(|()| child.wait())
        {
            eprintln!("the {} could not be killed: {error}", self.name);
        }
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When it was never started, or the system does not tell.
    pub fn is_alive(&mut self) -> Result<bool> {
        let child = self.child.as_mut().context("it was never started")?;
        Ok(child.try_wait()?.is_none())
    }

    /// Its process id.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<u32> {
        self.child.as_ref().map(Child::id).context("it does not run")
    }

    /// Bytes of memory that are its own and in use.
    ///
    /// # Errors
    /// When it does not run.
    pub fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let kilobytes =
            status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().split(' ').next()?.parse().ok());
        kilobytes.map(|kilobytes: u64| kilobytes * 1024).context("the system does not tell a process's memory")
    }

    /// Files and connections that it has open.
    ///
    /// # Errors
    /// When it does not run.
    pub fn open_files(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid()?))?.count())
    }

    /// Whether it says that it is ready.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn is_ready(&self) -> Result<bool> {
        let mut stream = TcpStream::connect(self.ops).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: rig.test\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        format!("the {} said:\n{}", self.name, lines[lines.len().saturating_sub(15)..].join("\n"))
    }
}
