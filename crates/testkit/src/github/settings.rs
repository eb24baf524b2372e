//! Settings of a repository that the emulator does not know: variables of Actions, and environments.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State as Extracted},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    emulator::lock,
    proxy::{self, Refusal},
    server::{Shared, State},
};

/// Variables and environments of all repositories.
#[derive(Debug, Default)]
pub(super) struct Settings(Mutex<HashMap<String, OfRepository>>);

#[derive(Debug, Default)]
struct OfRepository {
    variables: BTreeMap<String, Variable>,
    environments: BTreeMap<String, Environment>,
}

#[derive(Debug)]
struct Environment {
    created_at: DateTime<Utc>,
    /// Null: every branch deploys there.
    branches: Value,
}

impl Environment {
    fn shown(&self, name: &str) -> Value {
        json!({"name": name, "created_at": self.created_at, "deployment_branch_policy": self.branches})
    }
}

#[derive(Debug)]
struct Variable {
    value: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Settings {
    /// Whether somebody has made the environment.
    pub(super) fn has_environment(&self, repository: &str, name: &str) -> bool {
        self.with(repository, |settings| settings.environments.contains_key(name))
    }

    fn with<T>(&self, repository: &str, act: impl FnOnce(&mut OfRepository) -> T) -> T {
        act(lock(&self.0).entry(repository.to_owned()).or_default())
    }
}

type RepositoryPath = Path<(String, String)>;
type NamedPath = Path<(String, String, String)>;

/// Lets through who may write to the repository, and returns its full name.
pub(super) async fn permit(
    state: &State,
    method: &Method,
    (owner, repository): (&str, &str),
    what: &str,
    headers: &HeaderMap,
) -> Result<String, Refusal> {
    let path = format!("/repos/{owner}/{repository}");
    let caller = proxy::admit(state, method, &format!("{path}/{what}"), headers).await?;
    let token = caller.as_ref().map(|caller| caller.upstream.as_str());
    let seen = state.emulator.call(Method::GET, &path, token, &Value::Null).await?;
    let level = proxy::level_of(state, owner, repository, caller.as_ref()).await?;
    if !seen.status.is_success() || !matches!(level, "push" | "maintain" | "admin") {
        return Err(Refusal::not_found());
    }
    Ok(format!("{owner}/{repository}"))
}

fn shown(name: &str, variable: &Variable) -> Value {
    json!({"name": name, "value": variable.value, "created_at": variable.created_at, "updated_at": variable.updated_at})
}

/// A variable to make or change.
#[derive(Debug, Deserialize)]
pub(super) struct NewVariable {
    name: Option<String>,
    value: String,
}

/// `GET …/actions/variables`.
pub(super) async fn variables(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository)): RepositoryPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = permit(&state, &Method::GET, (&owner, &repository), "actions/variables", &headers).await?;
    let all: Vec<Value> = state
        .settings
        .with(&name, |settings| settings.variables.iter().map(|(name, variable)| shown(name, variable)).collect());
    Ok(Json(json!({"total_count": all.len(), "variables": all})).into_response())
}

/// `POST …/actions/variables`.
pub(super) async fn create_variable(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository)): RepositoryPath,
    headers: HeaderMap,
    Json(new): Json<NewVariable>,
) -> Result<Response, Refusal> {
    let full_name = permit(&state, &Method::POST, (&owner, &repository), "actions/variables", &headers).await?;
    let name = new.name.unwrap_or_default().to_uppercase();
    let now = Utc::now();
    let variable = Variable { value: new.value, created_at: now, updated_at: now };
    state.settings.with(&full_name, |settings| {
        if name.is_empty() || settings.variables.contains_key(&name) {
            return Err(Refusal::new(StatusCode::CONFLICT, "Already exists - Variable already exists"));
        }
        settings.variables.insert(name, variable);
        Ok((StatusCode::CREATED, Json(json!({}))).into_response())
    })
}

/// `GET …/actions/variables/{name}`.
pub(super) async fn variable(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, name)): NamedPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let full_name = permit(&state, &Method::GET, (&owner, &repository), "actions/variables", &headers).await?;
    let name = name.to_uppercase();
    let found = state.settings.with(&full_name, |settings| settings.variables.get(&name).map(|one| shown(&name, one)));
    found.map(|one| Json(one).into_response()).ok_or_else(Refusal::not_found)
}

/// `PATCH …/actions/variables/{name}`.
pub(super) async fn update_variable(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, name)): NamedPath,
    headers: HeaderMap,
    Json(new): Json<NewVariable>,
) -> Result<Response, Refusal> {
    let full_name = permit(&state, &Method::PATCH, (&owner, &repository), "actions/variables", &headers).await?;
    state.settings.with(&full_name, |settings| {
        let variable = settings.variables.get_mut(&name.to_uppercase()).ok_or_else(Refusal::not_found)?;
        variable.value = new.value;
        variable.updated_at = Utc::now();
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

/// `DELETE …/actions/variables/{name}`.
pub(super) async fn delete_variable(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, name)): NamedPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let full_name = permit(&state, &Method::DELETE, (&owner, &repository), "actions/variables", &headers).await?;
    let gone = state.settings.with(&full_name, |settings| settings.variables.remove(&name.to_uppercase()));
    gone.map(|_| StatusCode::NO_CONTENT.into_response()).ok_or_else(Refusal::not_found)
}

/// `GET …/environments`.
pub(super) async fn environments(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository)): RepositoryPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let full_name = permit(&state, &Method::GET, (&owner, &repository), "environments", &headers).await?;
    let all: Vec<Value> = state.settings.with(&full_name, |settings| {
        settings.environments.iter().map(|(name, environment)| environment.shown(name)).collect()
    });
    Ok(Json(json!({"total_count": all.len(), "environments": all})).into_response())
}

/// `PUT …/environments/{name}`. What the body does not say is as if nobody had ever said anything.
pub(super) async fn put_environment(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, name)): NamedPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let full_name =
        permit(&state, &Method::PUT, (&owner, &repository), &format!("environments/{name}"), &headers).await?;
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    let shown = state.settings.with(&full_name, |settings| {
        let new = || Environment { created_at: Utc::now(), branches: Value::Null };
        let environment = settings.environments.entry(name.clone()).or_insert_with(new);
        environment.branches = said["deployment_branch_policy"].clone();
        environment.shown(&name)
    });
    Ok(Json(shown).into_response())
}

/// `DELETE …/environments/{name}`.
pub(super) async fn delete_environment(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, name)): NamedPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let full_name =
        permit(&state, &Method::DELETE, (&owner, &repository), &format!("environments/{name}"), &headers).await?;
    let gone = state.settings.with(&full_name, |settings| settings.environments.remove(&name));
    gone.map(|_| StatusCode::NO_CONTENT.into_response()).ok_or_else(Refusal::not_found)
}
