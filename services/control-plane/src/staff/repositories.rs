//! Repositories of a project: connect, check, disconnect. Connecting seals the token before anything is made on GitHub;
//! the webhook is made so that doing it again changes nothing, and the labels are made by a worker.

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{Check, NewRepository, Repository, RepositoryList, RepositoryState};
use contract::problem::Problem;
use domain::flow::FlowKind;
use domain::ids::{ProjectId, RepositoryId};
use domain::rights::Permission;
use forge::{GitHub, RepositoryName, RepositoryProvider};
use http::StatusCode;
use secrecy::SecretString;
use serde_json::json;
use store::flow;
use store::repositories::{self, RepositoryRow, token_aad};
use store::runs::view;
use uuid::Uuid;
use vault::Sealed;

use super::permit::Staff;
use crate::error::{ApiError, no_such, taken};
use crate::github;
use crate::staff::checks::{self, Findings};
use crate::state::App;

/// Repositories of a project
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}/repositories", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = RepositoryList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_repositories(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
) -> Result<Json<RepositoryList>, ApiError> {
    staff.may(&app.pool, Permission::Look, ProjectId(project)).await?;
    let rows = repositories::list(&app.pool, Some(ProjectId(project))).await?;
    Ok(Json(RepositoryList { items: rows.into_iter().map(shown).collect::<Result<_, _>>()? }))
}

/// Connect a repository
#[utoipa::path(post, path = "/api/v1/staff/projects/{project_id}/repositories", request_body = NewRepository,
    params(("project_id" = Uuid, Path)), responses((status = 201, body = Repository),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn connect_repository(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
    Json(new): Json<NewRepository>,
) -> Result<(StatusCode, Json<Repository>), ApiError> {
    let project = ProjectId(project);
    staff.may(&app.pool, Permission::Manage, project).await?;
    let name: RepositoryName = new.full_name.parse().context("the contract lets no other names through")?;
    let token = SecretString::from(new.token);
    let github = GitHub::new(&app.github_api_url, &token).map_err(checks::forge_refusal)?;
    let viewer = github.viewer().await.map_err(checks::forge_refusal)?;
    let found = github.repository(&name).await.map_err(checks::forge_refusal)?;
    let rights = github.check_rights(&name).await.map_err(checks::forge_refusal)?;
    checks::refuse_blocked(&rights)?;
    let id = RepositoryId::new();
    let sealed = seal(&app, id, &token)?;
    let row = repositories::NewRepository {
        id,
        project_id: project,
        github_id: found.id,
        full_name: &found.full_name,
        web_url: &web_url(&app, &found.full_name),
        default_branch: &found.default_branch,
        bot_github_id: viewer.account.id,
        bot_login: &viewer.account.login,
        token_sealed: sealed.as_bytes(),
    };
    repositories::connect(&app.pool, &row).await.map_err(taken(
        "repository_connected",
        "/full_name",
        "A project has connected this repository already",
    ))?;
    let seen = checks::looked_at(&github, &name, &found.default_branch, &rights).await;
    let findings = checks::make_true(&app, &github, &name, seen).await;
    record(&app, id, &findings).await?;
    Ok((StatusCode::CREATED, Json(current(&app, id).await?)))
}

/// One repository
#[utoipa::path(get, path = "/api/v1/staff/repositories/{repository_id}", params(("repository_id" = Uuid, Path)),
    responses((status = 200, body = Repository),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_repository(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<Repository>, ApiError> {
    let row = permitted(&app, &staff, Permission::Look, id).await?;
    Ok(Json(shown(row)?))
}

/// Check the token, the webhook and the labels again, and mend what can be mended
#[utoipa::path(post, path = "/api/v1/staff/repositories/{repository_id}/check",
    params(("repository_id" = Uuid, Path)), responses((status = 200, body = Repository),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn check_repository(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<Repository>, ApiError> {
    let row = permitted(&app, &staff, Permission::Manage, id).await?;
    let name: RepositoryName = row.full_name.parse().context("a stored repository name")?;
    let github = GitHub::new(&app.github_api_url, &github::token(&app, row.id, &row.token_sealed)?)
        .map_err(checks::forge_refusal)?;
    let rights = github.check_rights(&name).await.map_err(checks::forge_refusal)?;
    let seen = checks::looked_at(&github, &name, &row.default_branch, &rights).await;
    let findings = checks::make_true(&app, &github, &name, seen).await;
    record(&app, row.id, &findings).await?;
    Ok(Json(current(&app, row.id).await?))
}

/// Disconnect a repository; its webhook is removed, its runs stay readable
#[utoipa::path(delete, path = "/api/v1/staff/repositories/{repository_id}",
    params(("repository_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn disconnect_repository(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let row = permitted(&app, &staff, Permission::Manage, id).await?;
    let token = github::token(&app, row.id, &row.token_sealed)?;
    give_up_waiting(&app, &staff, &row).await?;
    if !repositories::disconnect(&app.pool, row.id).await? {
        return Err(
            Problem::conflict("repository_in_use", "A run is active here; wait for it or cancel it first").into()
        );
    }
    if let Some(hook) = row.hook_id {
        remove_webhook(&app, &row.full_name, &token, hook).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Work that waits for its owner would wait for ever: nothing is heard of its pull request any more.
async fn give_up_waiting(app: &App, staff: &Staff, row: &RepositoryRow) -> Result<(), ApiError> {
    for run in repositories::waiting_runs(&app.pool, row.id).await? {
        let data = json!({ "because": "repository_disconnected" });
        let entry = flow::Entry::new(FlowKind::CancelRequested, staff.actor(), data);
        view::request_cancel(&app.pool, run, &staff.login, &entry).await?;
        app.waker.run(run.into());
    }
    Ok(())
}

/// What GitHub still sends after this is recorded as coming from an unknown repository, so a hook that could not be
/// removed does no harm: the token may be the very thing that is broken.
async fn remove_webhook(app: &App, full_name: &str, token: &SecretString, hook: i64) {
    let Ok(name) = full_name.parse::<RepositoryName>() else { return };
    let removed = match GitHub::new(&app.github_api_url, token) {
        Ok(github) => github.remove_webhook(&name, hook).await,
        Err(error) => Err(error),
    };
    if let Err(error) = removed {
        tracing::warn!(
            error = format!("{:#}", anyhow::Error::from(error)),
            "the webhook of a disconnected repository stays"
        );
    }
}

async fn permitted(app: &App, staff: &Staff, permission: Permission, id: Uuid) -> Result<RepositoryRow, ApiError> {
    let row = repositories::get(&app.pool, RepositoryId(id)).await?.ok_or_else(|| no_such("repository"))?;
    staff.may_with(&app.pool, permission, ("repository", row.project_id)).await?;
    Ok(row)
}

async fn record(app: &App, id: RepositoryId, findings: &Findings) -> Result<(), ApiError> {
    repositories::checked(&app.pool, id, findings.healthy(), &json!(findings.checks), findings.hook_id).await?;
    Ok(())
}

async fn current(app: &App, id: RepositoryId) -> Result<Repository, ApiError> {
    shown(repositories::get(&app.pool, id).await?.ok_or_else(|| no_such("repository"))?)
}

fn seal(app: &App, id: RepositoryId, token: &SecretString) -> Result<Sealed, ApiError> {
    use secrecy::ExposeSecret;
    let sealed = app.keyring.seal(token.expose_secret().as_bytes(), &token_aad(id)).context("sealing a forge token")?;
    Ok(sealed)
}

fn web_url(app: &App, full_name: &str) -> String {
    format!("{}/{full_name}", app.github_git_url.as_str().trim_end_matches('/'))
}

fn shown(row: RepositoryRow) -> Result<Repository, ApiError> {
    let state = match row.state.as_str() {
        "connected" => RepositoryState::Connected,
        "broken" => RepositoryState::Broken,
        _ => RepositoryState::Disconnected,
    };
    let checks: Vec<Check> = serde_json::from_value(row.checks).context("stored checks")?;
    Ok(Repository {
        id: row.id.into(),
        project_id: row.project_id.into(),
        full_name: row.full_name,
        web_url: row.web_url,
        default_branch: row.default_branch,
        state,
        bot_login: Some(row.bot_login),
        checks,
        checked_at: row.checked_at,
        connected_at: row.connected_at,
    })
}
