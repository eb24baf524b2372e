//! Accounts, repositories, and what the one may do in the other.

use serde::Deserialize;

use super::client::{Client, Route};
use crate::model::{Account, Repository, RepositoryName, RepositoryPermission, Viewer};
use crate::provider::Answered;

pub(super) async fn viewer(client: &Client) -> Answered<Viewer> {
    let answer = client.get_answer(&Route::of(["user"])).await?;
    let listed = answer.headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scopes: Vec<String> =
        listed.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    Ok(Viewer { account: answer.read()?, scopes: (!scopes.is_empty()).then_some(scopes) })
}

pub(super) async fn repository(client: &Client, name: &RepositoryName) -> Answered<Repository> {
    client.get(&Route::repository(name, "")).await
}

pub(super) async fn permission(
    client: &Client,
    name: &RepositoryName,
    id: i64,
    login: &str,
) -> Answered<Option<RepositoryPermission>> {
    #[derive(Deserialize)]
    struct Level {
        permission: String,
        user: Option<Account>,
    }
    let route = Route::repository(name, "collaborators").then(login).then("permission");
    let level = client.find::<Level>(&route).await?;
    Ok(level.filter(|level| level.user.as_ref().is_some_and(|user| user.id == id)).map(|level| {
        match level.permission.as_str() {
            "admin" => RepositoryPermission::Admin,
            "write" | "maintain" => RepositoryPermission::Write,
            "read" | "triage" => RepositoryPermission::Read,
            _ => RepositoryPermission::None,
        }
    }))
}
