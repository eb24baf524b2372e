//! Hosts of the wide world, played by this node for a while on addresses that are nobody's here.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::patience::until;

/// The node's device whose addresses are the stack's own.
const DEVICE: &str = "ck8s0";

/// What a played host does with a connection.
#[derive(Clone, Copy, Debug)]
pub enum Host {
    /// Takes it and says nothing.
    Silent,
    /// Answers each request's path with a redirect to this address.
    Redirects(fn(&str) -> String),
    /// Speaks TLS and answers every request with 200.
    Tls,
}

/// A host that plays until [`Played::end`].
pub struct Played {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    _tls: Option<Child>,
    listening: Option<JoinHandle<()>>,
}

/// Runs `work` while these hosts answer on their addresses, and takes them away again.
///
/// # Errors
/// Those of `work`, or when an address cannot be played.
pub async fn playing<T>(hosts: &[(&str, u16, Host)], work: impl AsyncFnOnce(&[Played]) -> Result<T>) -> Result<T> {
    let mut played = Vec::new();
    let mut begun = Ok(());
    for &(address, port, host) in hosts {
        match Played::begin(address, port, host).await {
            Ok(one) => played.push(one),
            Err(error) => begun = Err(error.context(format!("{address}:{port}"))),
        }
    }
    let result = match begun {
        Ok(()) => work(&played).await,
        Err(error) => Err(error),
    };
    for one in played {
        one.end().await?;
    }
    result
}

impl Played {
    async fn begin(address: &str, port: u16, host: Host) -> Result<Self> {
        ip("replace", address).await?;
        match Self::open(address, port, host).await {
            Ok(played) => Ok(played),
            Err(error) => {
                ip("del", address).await?;
                Err(error)
            }
        }
    }

    async fn open(address: &str, port: u16, host: Host) -> Result<Self> {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let mut played = Self { address: address.to_owned(), asked: asked.clone(), _tls: None, listening: None };
        if matches!(host, Host::Tls) {
            played._tls = Some(tls(address, port)?);
        } else {
            let listener = TcpListener::bind((address, port)).await?;
            played.listening = Some(tokio::spawn(listen(listener, host, asked)));
        }
        until("the played host", Duration::from_secs(10), async || {
            Ok(TcpStream::connect((address, port)).await.is_ok().then_some(()))
        })
        .await?;
        Ok(played)
    }

    /// The first lines of the requests it was asked; a TLS host does not tell.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn end(self) -> Result<()> {
        if let Some(listening) = self.listening {
            listening.abort();
        }
        ip("del", &self.address).await
    }
}

async fn ip(what: &str, address: &str) -> Result<()> {
    let status = Command::new("ip").args(["address", what, &format!("{address}/32"), "dev", DEVICE]).status().await?;
    ensure!(status.success(), "ip address {what} {address}: {status}");
    Ok(())
}

async fn listen(listener: TcpListener, host: Host, asked: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let asked = asked.clone();
        // Whoever hangs up in the middle has said all that they had to say.
        tokio::spawn(async move { attend(stream, host, &asked).await.unwrap_or_default() });
    }
}

async fn attend(stream: TcpStream, host: Host, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(());
    }
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(line.trim().to_owned());
    let Host::Redirects(to) = host else {
        return stream.read_to_end(&mut Vec::new()).await.map(drop);
    };
    let path = line.split(' ').nth(1).unwrap_or_default();
    let head =
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", to(path));
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}

/// A TLS server with a certificate that nobody vouches for: what a tunnel carries is its two ends' business.
fn tls(address: &str, port: u16) -> Result<Child> {
    let file = |name: &str| std::env::temp_dir().join(format!("codex-k8s-played-{}.{name}", std::process::id()));
    let (key, certificate) = (file("key"), file("crt"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1", "-subj", "/CN=played", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()?;
    ensure!(made.status.success(), "openssl req: {}", String::from_utf8_lossy(&made.stderr));
    Command::new("openssl")
        .args(["s_server", "-quiet", "-www", "-accept", &format!("{address}:{port}"), "-key"])
        .arg(&key)
        .arg("-cert")
        .arg(&certificate)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("openssl s_server")
}
