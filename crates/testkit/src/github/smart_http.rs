//! Git over HTTP: `git http-backend` on the bare repositories, behind the emulator's accounts and rights.

use std::path::Path as FilePath;

use anyhow::{Context, Result};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Path, RawQuery, State as Extracted},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use tokio::process::Command;

use super::{
    mirror,
    proxy::{self, Refusal},
    pushes,
    rights::Right,
    server::{Shared, State},
    tokens::Caller,
};
use crate::git::{self, BareRepository};

/// `GET /{owner}/{repo}.git/info/refs?service=…`.
pub(super) async fn info_refs(
    Extracted(state): Extracted<Shared>,
    Path((owner, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let service = query.strip_prefix("service=").unwrap_or_default();
    let visit = Visit::begin(&state, &owner, &name, service == "git-receive-pack", &headers).await?;
    let lock = state.repository_lock(&owner, visit.name);
    let _held = lock.lock().await;
    let git = visit.fresh_repository().await?;
    visit.backend(&git, Method::GET, "info/refs", &query, Bytes::new()).await
}

/// `POST /{owner}/{repo}.git/git-upload-pack`: clone and fetch.
pub(super) async fn upload_pack(
    Extracted(state): Extracted<Shared>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let visit = Visit::begin(&state, &owner, &name, false, &headers).await?;
    let git = visit.repository().await?;
    visit.backend(&git, Method::POST, "git-upload-pack", "", body).await
}

/// `POST /{owner}/{repo}.git/git-receive-pack`: push. The emulator's copy follows before the client hears of success.
pub(super) async fn receive_pack(
    Extracted(state): Extracted<Shared>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let visit = Visit::begin(&state, &owner, &name, true, &headers).await?;
    let lock = state.repository_lock(&owner, visit.name);
    let _held = lock.lock().await;
    let git = visit.fresh_repository().await?;
    let before = git.refs().await?;
    let mut response = visit.backend(&git, Method::POST, "git-receive-pack", "", body).await?;
    if let Some(caller) = &visit.caller {
        if let Some(refusal) = pushes::settle(&git, &visit.upstream(), &before, caller).await? {
            *response.body_mut() = Body::from(refusal);
            return Ok(response);
        }
        pushes::announce(&state, &format!("{owner}/{}", visit.name), caller, &before, &git.refs().await?).await?;
    }
    Ok(response)
}

/// One request of a git client that may make it.
struct Visit<'a> {
    state: &'a State,
    owner: &'a str,
    name: &'a str,
    caller: Option<Caller>,
    headers: &'a HeaderMap,
}

impl<'a> Visit<'a> {
    async fn begin(
        state: &'a State,
        owner: &'a str,
        name: &'a str,
        write: bool,
        headers: &'a HeaderMap,
    ) -> Result<Self, Refusal> {
        let name = name.strip_suffix(".git").unwrap_or(name);
        let caller = state.tokens.caller(&state.emulator, headers).await?;
        let right = Right { name: "contents", write };
        let narrow =
            caller.as_ref().and_then(|caller| caller.permissions.as_ref()).is_some_and(|held| !right.is_in(held));
        let token = caller.as_ref().map(|caller| caller.upstream.as_str());
        let about = state.emulator.call(Method::GET, &format!("/repos/{owner}/{name}"), token, &Value::Null).await?;
        if caller.is_none() && (write || !about.status.is_success()) {
            return Err(Refusal::bad_credentials());
        }
        if !about.status.is_success() {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "Repository not found."));
        }
        let level = if write { proxy::level_of(state, owner, name, caller.as_ref()).await? } else { "push" };
        if narrow || !matches!(level, "push" | "maintain" | "admin") {
            let login = caller.map(|caller| caller.login).unwrap_or_default();
            let message = format!("Permission to {owner}/{name}.git denied to {login}.");
            return Err(Refusal::new(StatusCode::FORBIDDEN, message));
        }
        Ok(Self { state, owner, name, caller, headers })
    }

    fn upstream(&self) -> mirror::Upstream<'_> {
        let token = self.caller.as_ref().map(|caller| caller.upstream.as_str());
        mirror::Upstream::new(&self.state.emulator, self.owner, self.name, token)
    }

    async fn repository(&self) -> Result<BareRepository> {
        BareRepository::open(self.state.repository_folder(self.owner, self.name)).await
    }

    /// The repository with everything the emulator has. The caller holds the repository's lock.
    async fn fresh_repository(&self) -> Result<BareRepository> {
        let git = self.repository().await?;
        mirror::fetch(&git, &self.upstream()).await?;
        Ok(git)
    }

    /// Runs `git http-backend` (CGI) and turns what it prints into an answer.
    async fn backend(
        &self,
        git: &BareRepository,
        method: Method,
        rest: &str,
        query: &str,
        body: Bytes,
    ) -> Result<Response, Refusal> {
        let header =
            |name: HeaderName| self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", git.path())
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("PATH_INFO", FilePath::new("/").join(rest))
            .env("REQUEST_METHOD", method.as_str())
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", header(header::CONTENT_TYPE))
            .env("CONTENT_LENGTH", body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", header(header::CONTENT_ENCODING))
            .env("HTTP_GIT_PROTOCOL", header(HeaderName::from_static("git-protocol")))
            .env("REMOTE_ADDR", "127.0.0.1");
        if let Some(caller) = &self.caller {
            command.env("REMOTE_USER", &caller.login);
        }
        let output = git::run(&mut command, &body).await?;
        Ok(from_cgi(&output)?)
    }
}

fn from_cgi(output: &[u8]) -> Result<Response> {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").context("http-backend printed no headers")?;
    let head = std::str::from_utf8(&output[..end])?;
    let mut response = Response::new(Body::from(output[end + 4..].to_vec()));
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(": ").context("http-backend printed a bad header")?;
        if name.eq_ignore_ascii_case("status") {
            *response.status_mut() = StatusCode::from_bytes(value.get(..3).unwrap_or_default().as_bytes())?;
        } else {
            response.headers_mut().insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
    }
    Ok(response)
}

/// Refusals in the form git shows to people, and the invitation without which it does not ask for credentials.
pub(super) async fn for_git(response: Response) -> Response {
    if response.status().is_success() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let message = to_bytes(body, 64 << 10).await.ok().and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    let text = message.and_then(|body| Some(body["message"].as_str()?.to_owned())).unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if parts.status == StatusCode::UNAUTHORIZED {
        parts.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"GitHub\""));
    }
    Response::from_parts(parts, Body::from(text)).into_response()
}
