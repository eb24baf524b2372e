//! Everything that goes to the emulator, and the small untruths in its answers put right.

use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State as Extracted},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use super::{
    emulator::{Answer, lock},
    pulls, rights,
    server::{Shared, State},
    tokens::Caller,
};

/// Why a call is not served, in GitHub's form.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
    accepted: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            body: json!({"message": message.into(), "documentation_url": "https://docs.github.com/rest"}),
            accepted: None,
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn bad_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Bad credentials")
    }

    /// 422 with one entry in `errors`.
    pub(super) fn invalid(error: Value) -> Self {
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed");
        refusal.body["errors"] = json!([error]);
        refusal
    }

    fn missing(right: rights::Right) -> Self {
        let mut refusal = Self::new(StatusCode::FORBIDDEN, "Resource not accessible by personal access token");
        refusal.accepted = Some(right.accepted());
        refusal
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!("the stand-in failed: {error:#}");
        Self::new(StatusCode::BAD_GATEWAY, format!("the stand-in failed: {error:#}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(accepted) = self.accepted.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert("x-accepted-github-permissions", accepted);
        }
        response
    }
}

/// Any call without a route of its own.
pub(super) async fn fallback(Extracted(state): Extracted<Shared>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(anyhow::Error::from)?;
    let call = Incoming {
        method: parts.method,
        path: without_owner(parts.uri.path()),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body,
    };
    let (answer, caller) = call.serve(&state).await?;
    Ok(respond(answer, caller.as_ref()))
}

/// `compare/main...owner:branch` is `compare/main...branch` within one repository; the emulator knows only that.
fn without_owner(path: &str) -> String {
    match rights::repository_path(path) {
        Some((owner, _, rest)) if rest.starts_with("compare/") => path.replace(&format!("{owner}:"), ""),
        _ => path.to_owned(),
    }
}

/// A call on its way to the emulator.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Incoming {
    /// Checks who calls, forwards, and corrects the answer.
    pub(super) async fn serve(self, state: &State) -> Result<(Answer, Option<Caller>), Refusal> {
        let caller = admit(state, &self.method, &self.path, &self.headers).await?;
        if self.method == Method::POST {
            pulls::check_new(state, caller.as_ref(), &self.path, &self.body).await?;
        }
        let token = caller.as_ref().map(|caller| caller.upstream.as_str());
        let path = match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        };
        let mut answer =
            state.emulator.forward(self.method.clone(), &path, token, carried(&self.headers), self.body).await?;
        if self.method == Method::GET && answer.status == StatusCode::NOT_FOUND {
            pulls::as_issue(state, token, &self.path, &mut answer).await?;
        }
        correct(state, caller.as_ref(), &self.method, &self.path, &mut answer).await?;
        Ok((answer, caller))
    }
}

/// Who calls, when their token may make this call.
pub(super) async fn admit(
    state: &State,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Refusal> {
    let caller = state.tokens.caller(&state.emulator, headers).await?;
    if let (Some(permissions), Some(right)) =
        (caller.as_ref().and_then(|caller| caller.permissions.as_ref()), rights::needed(method, path))
        && !right.is_in(permissions)
    {
        return Err(Refusal::missing(right));
    }
    Ok(caller)
}

/// The emulator's answer as the front gives it.
pub(super) fn respond(answer: Answer, caller: Option<&Caller>) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    for (name, value) in &answer.headers {
        if !is_hop(name) && name != header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    let classic = caller.filter(|caller| caller.permissions.is_none());
    if let Some(scopes) = classic.and_then(|caller| HeaderValue::from_str(&caller.scope.replace(' ', ", ")).ok()) {
        response.headers_mut().insert("x-oauth-scopes", scopes);
    }
    let id = uuid::Uuid::new_v4().simple().to_string();
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-github-request-id", id);
    }
    response
}

fn carried(headers: &HeaderMap) -> HeaderMap {
    let skipped = [header::HOST, header::CONTENT_LENGTH, header::AUTHORIZATION, header::ACCEPT_ENCODING];
    headers
        .iter()
        .filter(|(name, _)| !is_hop(name) && !skipped.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn is_hop(name: &HeaderName) -> bool {
    [header::CONNECTION, header::TRANSFER_ENCODING, header::TE, header::UPGRADE].contains(name) || name == "keep-alive"
}

/// Makes the emulator's answer what GitHub would have said.
async fn correct(
    state: &State,
    caller: Option<&Caller>,
    method: &Method,
    path: &str,
    answer: &mut Answer,
) -> Result<(), Refusal> {
    if path == "/user/emails" && method == Method::GET && answer.status.is_success() {
        let verified = caller.is_none_or(|caller| state.seed.email_verified(&caller.login));
        return edit(answer, |emails| emails[0]["verified"] = json!(verified));
    }
    let Some((owner, repository, rest)) = rights::repository_path(path) else { return Ok(()) };
    // What somebody may not see does not exist for them.
    if method == Method::GET && answer.status == StatusCode::FORBIDDEN {
        return Err(Refusal::not_found());
    }
    let segments: Vec<&str> = rest.split('/').collect();
    match (method, segments.as_slice()) {
        (&Method::GET, [""]) if answer.status.is_success() => {
            let level = level_of(state, owner, repository, caller).await?;
            let pushed_at = lock(&state.pushed_at).get(&format!("{owner}/{repository}")).copied();
            edit(answer, |repository| {
                repository["permissions"] = permissions(level);
                if let Some(at) = pushed_at {
                    repository["pushed_at"] = json!(at);
                }
            })
        }
        // Besides a label that exists, the emulator refuses only a blank name, and does not say which it was.
        (&Method::POST, ["labels"]) if answer.status == StatusCode::UNPROCESSABLE_ENTITY => {
            let error = json!({"resource": "Label", "code": "already_exists", "field": "name"});
            edit(answer, |refusal| refusal["errors"] = json!([error]))
        }
        (&Method::GET, ["collaborators", login, "permission"]) => {
            correct_permission(state, caller, login, answer).await
        }
        (_, ["pulls"] | ["pulls", _]) if answer.status.is_success() => {
            pulls::correct(state, owner, repository, answer).await
        }
        _ => Ok(()),
    }
}

/// What the caller may do with a repository, in the emulator's words (`pull`, `push`, `admin`, …).
pub(super) async fn level_of(
    state: &State,
    owner: &str,
    repository: &str,
    caller: Option<&Caller>,
) -> Result<&'static str, Refusal> {
    let Some(caller) = caller else { return Ok("pull") };
    let path = format!("/repos/{owner}/{repository}/collaborators/{}/permission", caller.login);
    let answer = state.emulator.call(Method::GET, &path, Some(&caller.upstream), &Value::Null).await?;
    let level = answer.json()["permission"].as_str().map(str::to_owned);
    Ok(match level.as_deref() {
        Some("admin") => "admin",
        Some("maintain") => "maintain",
        Some("push" | "write") => "push",
        Some("triage") => "triage",
        _ => "pull",
    })
}

fn permissions(level: &str) -> Value {
    let order = ["pull", "triage", "push", "maintain", "admin"];
    let reach = order.iter().position(|one| *one == level).unwrap_or(0);
    order.iter().enumerate().map(|(place, name)| ((*name).to_owned(), json!(place <= reach))).collect()
}

/// GitHub says `admin`, `write`, `read` or `none`, and says it of anybody with an account.
async fn correct_permission(
    state: &State,
    caller: Option<&Caller>,
    login: &str,
    answer: &mut Answer,
) -> Result<(), Refusal> {
    if answer.status.is_success() {
        return edit(answer, |found| {
            found["permission"] = match found["permission"].as_str() {
                Some("admin") => json!("admin"),
                Some("push" | "write" | "maintain") => json!("write"),
                _ => json!("read"),
            };
        });
    }
    if answer.status != StatusCode::NOT_FOUND {
        return Ok(());
    }
    let token = caller.map(|caller| caller.upstream.as_str());
    let user = state.emulator.call(Method::GET, &format!("/users/{login}"), token, &Value::Null).await?;
    if user.status.is_success() {
        answer.status = StatusCode::OK;
        answer.body = json!({"permission": "none", "role_name": "none", "user": user.json()}).to_string().into();
    }
    Ok(())
}

/// Changes an answer's JSON in place.
pub(super) fn edit(answer: &mut Answer, change: impl FnOnce(&mut Value)) -> Result<(), Refusal> {
    let mut value: Value = serde_json::from_slice(&answer.body).map_err(anyhow::Error::from)?;
    change(&mut value);
    answer.body = value.to_string().into();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_holds_all_below_it() {
        assert_eq!(
            permissions("push"),
            json!({"pull": true, "triage": true, "push": true, "maintain": false, "admin": false})
        );
    }
}
