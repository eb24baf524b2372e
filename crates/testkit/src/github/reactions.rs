//! Reactions to comments on issues, which the emulator lacks.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    Json,
    extract::{Path, State as Extracted},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::{
    emulator::lock,
    proxy::{self, Refusal},
    server::{Shared, State},
    tokens::Caller,
};

/// What GitHub takes.
const KINDS: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

/// Reactions of all repositories, by the comment's path, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Reactions(Mutex<HashMap<String, Vec<Reaction>>>);

#[derive(Debug, Clone)]
struct Reaction {
    id: usize,
    content: String,
    login: String,
    user: u64,
    at: DateTime<Utc>,
}

impl Reaction {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "node_id": format!("REA_{}", self.id), "content": self.content, "created_at": self.at,
            "user": { "id": self.user, "login": self.login, "type": "User" },
        })
    }
}

type CommentPath = Path<(String, String, u64)>;

/// The path of a comment that is there, and who asks about it.
async fn find(
    state: &State,
    method: &Method,
    (owner, repository, comment): (String, String, u64),
    headers: &HeaderMap,
) -> Result<(String, Caller), Refusal> {
    let path = format!("/repos/{owner}/{repository}/issues/comments/{comment}");
    let caller = proxy::admit(state, method, &path, headers).await?.ok_or_else(Refusal::bad_credentials)?;
    let found = state.emulator.call(Method::GET, &path, Some(&caller.upstream), &Value::Null).await?;
    if found.status.is_success() { Ok((path, caller)) } else { Err(Refusal::not_found()) }
}

/// `GET /repos/{owner}/{repo}/issues/comments/{comment}/reactions`.
pub(super) async fn list(
    Extracted(state): Extracted<Shared>,
    Path(comment): CommentPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (path, _) = find(&state, &Method::GET, comment, &headers).await?;
    let found = lock(&state.reactions.0).get(&path).cloned().unwrap_or_default();
    Ok(Json(found.iter().map(Reaction::json).collect::<Vec<_>>()).into_response())
}

/// `POST /repos/{owner}/{repo}/issues/comments/{comment}/reactions`: 201, or 200 with the one that is there.
pub(super) async fn create(
    Extracted(state): Extracted<Shared>,
    Path(comment): CommentPath,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Result<Response, Refusal> {
    let (path, caller) = find(&state, &Method::POST, comment, &headers).await?;
    let content = asked["content"].as_str().filter(|content| KINDS.contains(content));
    let error = json!({"resource": "Reaction", "field": "content", "code": "invalid"});
    let content = content.ok_or_else(|| Refusal::invalid(error))?.to_owned();
    let mut all = lock(&state.reactions.0);
    let id = all.values().map(Vec::len).sum::<usize>() + 1;
    let there = all.entry(path).or_default();
    if let Some(known) = there.iter().find(|one| one.user == caller.id && one.content == content) {
        return Ok((StatusCode::OK, Json(known.json())).into_response());
    }
    let reaction = Reaction { id, content, login: caller.login, user: caller.id, at: Utc::now() };
    let answer = (StatusCode::CREATED, Json(reaction.json())).into_response();
    there.push(reaction);
    Ok(answer)
}
