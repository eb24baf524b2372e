//! The emulator's process and the calls the front makes to it on somebody's behalf.

use std::{collections::HashSet, path::Path, process::Stdio, sync::Mutex, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The emulator gives each token 5,000 calls an hour; below this many left, the front uses a fresh token.
const TIRED_BELOW: u32 = 500;

/// What is put right inside the emulator itself, because its API offers no way to.
const PATCHES: &str = include_str!("patches.mjs");

/// The running emulator.
#[derive(Debug)]
pub(super) struct Emulator {
    http: reqwest::Client,
    base: String,
    tired: Mutex<HashSet<String>>,
}

/// A complete answer of the emulator.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Emulator {
    /// Starts the emulator on a loopback port with a seed file in its own format and waits until it answers. Repositories
    /// named in `lasting` keep their ids from start to start. The process ends when it is dropped.
    pub(super) async fn start(
        node: &Path,
        entry: &Path,
        port: u16,
        base_url: &str,
        seed: &Path,
        lasting: &[String],
    ) -> Result<(Self, Child)> {
        let patches = seed.with_file_name("patches.mjs");
        std::fs::write(&patches, PATCHES)?;
        // The emulator must not outlive the front, even when the front is killed: it would keep the port.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(node)
            .arg("--import")
            .arg(&patches)
            .arg(entry)
            .args(["start", "--service", "github", "--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--base-url", base_url, "--seed"])
            .arg(seed)
            .env("LASTING_REPOSITORIES", serde_json::to_string(lasting)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the emulator")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output of the emulator")?).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if line.contains("Ready") {
                    return Ok(());
                }
            }
            bail!("the emulator ended before it was ready")
        };
        tokio::time::timeout(Duration::from_secs(120), ready)
            .await
            .context("the emulator is not ready after two minutes")??;
        // Its output must go on being read, or a full pipe would stop it.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::debug!(target: "emulator", "{line}");
            }
        });
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok((Self { http, base: format!("http://127.0.0.1:{port}"), tired: Mutex::default() }, child))
    }

    /// Forwards a request as it came, but with the emulator's own token.
    pub(super) async fn forward(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).headers(headers).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.with_context(|| format!("the emulator did not answer {path}"))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let remaining = headers.get("x-ratelimit-remaining").and_then(|left| left.to_str().ok()?.parse::<u32>().ok());
        if let (Some(token), Some(..TIRED_BELOW)) = (token, remaining) {
            lock(&self.tired).insert(token.to_owned());
        }
        Ok(Answer { status, headers, body: response.bytes().await? })
    }

    /// One call with a JSON body and a JSON answer.
    pub(super) async fn call(&self, method: Method, path: &str, token: Option<&str>, body: &Value) -> Result<Answer> {
        let mut headers = HeaderMap::new();
        let mut bytes = Bytes::new();
        if !body.is_null() {
            headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
            bytes = serde_json::to_vec(body)?.into();
        }
        self.forward(method, path, token, headers, bytes).await
    }

    /// A call that has to succeed.
    pub(super) async fn must(&self, method: Method, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
        let answer = self.call(method.clone(), path, token, body).await?;
        if !answer.status.is_success() {
            bail!("{method} {path} was answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(answer.json())
    }

    /// Reads something that has to be there.
    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> Result<Value> {
        self.must(Method::GET, path, token, &Value::Null).await
    }

    /// A new emulator token for a login, through its sign-in pages: it has no other way to make one.
    pub(super) async fn mint(&self, login: &str, scope: &str) -> Result<String> {
        let code = self.sign_in(login, scope).await?;
        let body = serde_json::json!({ "code": code });
        // Calls without a token share one hourly allowance; an unknown one has its own.
        let nobody = uuid::Uuid::new_v4().to_string();
        let answer = self.must(Method::POST, "/login/oauth/access_token", Some(&nobody), &body).await?;
        Ok(answer["access_token"].as_str().with_context(|| format!("no token for {login}: {answer}"))?.to_owned())
    }

    /// Plays the person's click on the sign-in page and returns the code it leads to.
    pub(super) async fn sign_in(&self, login: &str, scope: &str) -> Result<String> {
        let form = [("login", login), ("redirect_uri", "http://front.invalid/"), ("scope", scope)];
        let request = self.http.post(format!("{}/login/oauth/callback", self.base)).form(&form);
        let response = request.bearer_auth(uuid::Uuid::new_v4()).send().await?;
        let location = response.headers().get(http::header::LOCATION).context("sign-in without a redirect")?;
        let location = url::Url::parse(location.to_str()?)?;
        let code = location.query_pairs().find(|(key, _)| key == "code").context("sign-in without a code")?;
        Ok(code.1.into_owned())
    }

    /// Whether the token has nearly used up its hour.
    pub(super) fn is_tired(&self, token: &str) -> bool {
        lock(&self.tired).contains(token)
    }
}

/// Locks a mutex whose holder never panics halfway through a change.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
