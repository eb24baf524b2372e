//! A forge: bare repositories behind git's own CGI program, with a password, and a work tree as an agent has one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use contract::internal::RunGrant;
use http::{HeaderName, HeaderValue, StatusCode};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::world::{TOKEN, World, basic, serve_router};

/// The forge's token, which must never reach a pod.
pub(crate) const FORGE_TOKEN: &str = "ghp_plantedForgeToken";

pub(crate) struct Forge {
    pub(crate) world: World,
    place: TempDir,
    /// What the forge was sent as `Authorization`.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Backend {
    root: PathBuf,
    seen: Arc<Mutex<Vec<String>>>,
}

/// What a git command of the agent's ended with.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) good: bool,
    pub(crate) said: String,
}

impl Forge {
    /// A repository `acme/app` with one commit on `main`, another branch, and a clone of it made through the gateway.
    pub(crate) async fn new() -> Self {
        Self::for_run(|_| ()).await
    }

    /// The same, by a run that its token gives other rights.
    pub(crate) async fn for_run(rights: impl FnOnce(&mut RunGrant)) -> Self {
        let place = TempDir::new().unwrap();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let backend = Backend { root: place.path().join("forge"), seen: seen.clone() };
        let address = serve_router(Router::new().route("/{*path}", any(cgi)).with_state(backend)).await;
        let world = World::new().await;
        world.control.change(rights);
        world.control.put_credential(&format!("http://{address}/acme/app.git"), "x-access-token", FORGE_TOKEN);
        let forge = Self { world, place, seen };
        forge.seed().await;
        forge
    }

    async fn seed(&self) {
        let upstream = self.upstream();
        std::fs::create_dir_all(&upstream).unwrap();
        self.must(&upstream, &["init", "-q", "--bare", "-b", "main", "."]).await;
        self.must(&upstream, &["config", "http.receivepack", "true"]).await;
        let seed = self.place.path().join("seed");
        std::fs::create_dir_all(seed.join(".github/workflows")).unwrap();
        self.must(&seed, &["init", "-q", "-b", "main", "."]).await;
        std::fs::write(seed.join("README.md"), "hello\n").unwrap();
        std::fs::write(seed.join(".github/workflows/ci.yml"), "on: push\n").unwrap();
        self.commit_in(&seed, "Begin").await;
        let upstream = upstream.to_str().unwrap();
        self.must(&seed, &["push", "-q", upstream, "main", "main:other"]).await;
        let work = self.work();
        let url = self.world.url("/git/acme/app.git");
        self.must(self.place.path(), &["clone", "-q", &url, work.to_str().unwrap()]).await;
        self.must(&work, &["switch", "-q", "-c", "codex/i1-aa"]).await;
    }

    fn upstream(&self) -> PathBuf {
        self.place.path().join("forge/acme/app.git")
    }

    /// The agent's checkout.
    pub(crate) fn work(&self) -> PathBuf {
        self.place.path().join("work")
    }

    /// Writes a file and commits it.
    pub(crate) async fn commit(&self, path: &str, content: &str, message: &str) {
        let file = self.work().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
        self.commit_in(&self.work(), message).await;
    }

    async fn commit_in(&self, dir: &Path, message: &str) {
        self.must(dir, &["add", "-A"]).await;
        self.must(dir, &["commit", "-q", "--allow-empty", "-m", message]).await;
    }

    /// Runs git as the agent does: its token is in the configuration, for the gateway only.
    pub(crate) async fn git(&self, args: &[&str]) -> Ended {
        self.git_in(&self.work(), args).await
    }

    async fn git_in(&self, dir: &Path, args: &[&str]) -> Ended {
        let run = self.world.control.grant_or_last().run_id.to_string();
        let output = Command::new("git")
            .args(args)
            .current_dir(dir)
            .env("HOME", self.place.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_COUNT", "3")
            .env("GIT_CONFIG_KEY_0", format!("http.http://{}/.extraHeader", self.world.address))
            .env("GIT_CONFIG_VALUE_0", format!("Authorization: {}", basic(&run, TOKEN)))
            .env("GIT_CONFIG_KEY_1", "user.name")
            .env("GIT_CONFIG_VALUE_1", "Codex")
            .env("GIT_CONFIG_KEY_2", "user.email")
            .env("GIT_CONFIG_VALUE_2", "codex@example.com")
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        Ended { good: output.status.success(), said: String::from_utf8_lossy(&said).into_owned() }
    }

    pub(crate) async fn must(&self, dir: &Path, args: &[&str]) -> String {
        let ended = self.git_in(dir, args).await;
        assert!(ended.good, "git {args:?}: {}", ended.said);
        ended.said.trim().to_owned()
    }

    /// What a branch of the forge points to, if there is one.
    pub(crate) async fn tip(&self, branch: &str) -> Option<String> {
        let found =
            self.git_in(&self.upstream(), &["rev-parse", "-q", "--verify", &format!("refs/heads/{branch}")]).await;
        found.good.then(|| found.said.trim().to_owned())
    }

    /// Moves a branch behind everybody's back.
    pub(crate) async fn move_upstream(&self, branch: &str, to: &str) {
        self.must(&self.upstream(), &["update-ref", &format!("refs/heads/{branch}"), to]).await;
    }

    /// Has the forge refuse every push in its own words.
    pub(crate) fn protect(&self) {
        use std::os::unix::fs::PermissionsExt;
        let hook = self.upstream().join("hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, "#!/bin/sh\necho 'GH013: protected by a rule' >&2\nexit 1\n").unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

async fn cgi(State(backend): State<Backend>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    backend.seen.lock().unwrap().push(header("authorization"));
    if header("authorization") != basic("x-access-token", FORGE_TOKEN) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &backend.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("HTTP_GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = async move { stdin.write_all(&body).await };
    let (output, _fed) = tokio::join!(child.wait_with_output(), feed);
    answer(output.unwrap().stdout)
}

fn answer(output: Vec<u8>) -> Response {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut response = Response::new(Body::from(Bytes::copy_from_slice(&output[end + 4..])));
    for line in std::str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "Status" {
            *response.status_mut() = value[..3].parse().unwrap();
        } else {
            let name: HeaderName = name.parse().unwrap();
            response.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
    }
    response
}
