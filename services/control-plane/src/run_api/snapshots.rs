//! What a run keeps so that another pod can go on where this one ends: its codex session and its working tree, sealed
//! for the run that they were taken from.

use axum::body::Bytes;
use axum::extract::{Query, State};
use contract::agent::Resume;
use contract::problem::Problem;
use domain::ids::RunId;
use domain::locale::Locale;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use store::runs::prompt::KeptPrompt;
use store::runs::report::ContextRow;
use store::{agent_sessions, agent_worktrees};
use tokio::task::spawn_blocking;
use utoipa::IntoParams;
use uuid::Uuid;
use vault::Sealed;

use super::answers::{Answers, Session};
use super::prompt;
use crate::error::{ApiError, no_such};
use crate::internal::ForRun;
use crate::state::App;

/// A snapshot as it is answered.
type Answered = ([(http::HeaderName, &'static str); 1], Bytes);

const GZIP: &str = "application/gzip";
const BYTES: &str = "application/octet-stream";

/// What the runner is told to go on with. A run that goes on with its own session is told what people answered it, or
/// else what became of its pod; one that takes up another run's is told what it is to do now.
pub(super) async fn resume(
    app: &App,
    of: ForRun,
    row: &ContextRow,
    prompt: &KeptPrompt,
    answers: &Answers,
) -> Result<Option<Resume>, ApiError> {
    let Some(found) = agent_sessions::resumable(&app.pool, of.run).await? else { return Ok(None) };
    let is_own = found.run == of.run.0;
    let message = if is_own {
        let tree_is_kept = found.worktree_sha256.is_some();
        match answers.message(row, Some(Session { tree_is_kept }))? {
            Some(message) => message,
            None => {
                let facts = prompts::run::Replaced { branch: &row.branch, tree_is_kept };
                prompts::run::replaced(Locale::or_english(&row.locale), &facts).map_err(anyhow::Error::from)?
            }
        }
    } else if row.is_discussion {
        prompt::news(app, of.run).await?
    } else {
        prompt.text.clone()
    };
    // Who talks looks at the repository as it is now, not as an earlier turn left it.
    let worktree_sha256 = found.worktree_sha256.filter(|_| is_own || !row.is_discussion);
    Ok(Some(Resume {
        session_id: found.session_id,
        path: found.path,
        session_sha256: found.sha256,
        worktree_sha256,
        message,
    }))
}

/// Which snapshot of the session it is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionName {
    version: i64,
    path: String,
    session_id: Uuid,
    sha256: String,
}

/// Keep a snapshot of the codex session
#[utoipa::path(put, path = "/api/v1/run/session", params(SessionName),
    request_body(content = Vec<u8>, content_type = "application/gzip"),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_session(
    State(app): State<App>,
    of: ForRun,
    Query(name): Query<SessionName>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let sealed = seal(&app, body, &name.sha256, agent_sessions::snapshot_aad(of.run)).await?;
    let snapshot = agent_sessions::Snapshot {
        run: of.run,
        launch: of.launch,
        version: name.version,
        session_id: name.session_id,
        path: &name.path,
        sha256: &name.sha256,
        sealed: sealed.as_bytes(),
    };
    agent_sessions::keep(&app.pool, &snapshot).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The snapshot that `resume` in the context speaks of
#[utoipa::path(get, path = "/api/v1/run/session",
    responses((status = 200, body = Vec<u8>, content_type = "application/gzip"),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_session(State(app): State<App>, of: ForRun) -> Result<Answered, ApiError> {
    let whose = whose(&app, of).await?;
    let sealed = agent_sessions::sealed(&app.pool, whose).await?.ok_or_else(|| no_such("session"))?;
    let bytes = open(&app, sealed, agent_sessions::snapshot_aad(whose)).await?;
    Ok(([(CONTENT_TYPE, GZIP)], bytes))
}

/// Which snapshot of the working tree it is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WorktreeName {
    version: i64,
    sha256: String,
}

/// Keep a snapshot of the working tree
#[utoipa::path(put, path = "/api/v1/run/worktree", params(WorktreeName),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_worktree(
    State(app): State<App>,
    of: ForRun,
    Query(name): Query<WorktreeName>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let size = i64::try_from(body.len()).map_err(anyhow::Error::from)?;
    let sealed = seal(&app, body, &name.sha256, agent_worktrees::bundle_aad(of.run)).await?;
    let snapshot = agent_worktrees::Snapshot {
        run: of.run,
        launch: of.launch,
        version: name.version,
        sha256: &name.sha256,
        size,
        sealed: sealed.as_bytes(),
    };
    agent_worktrees::keep(&app.pool, &snapshot).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The working tree that belongs to the session
#[utoipa::path(get, path = "/api/v1/run/worktree",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_worktree(State(app): State<App>, of: ForRun) -> Result<Answered, ApiError> {
    let whose = whose(&app, of).await?;
    let sealed = agent_worktrees::sealed(&app.pool, whose).await?.ok_or_else(|| no_such("working tree"))?;
    let bytes = open(&app, sealed, agent_worktrees::bundle_aad(whose)).await?;
    Ok(([(CONTENT_TYPE, BYTES)], bytes))
}

/// Whose snapshots the run goes on with.
async fn whose(app: &App, of: ForRun) -> Result<RunId, ApiError> {
    let found = agent_sessions::resumable(&app.pool, of.run).await?;
    found.map(|found| RunId(found.run)).ok_or_else(|| no_such("session"))
}

/// Checks what was sent against its checksum and seals it. Many megabytes take their time, so no other request waits
/// behind them on this thread.
async fn seal(app: &App, body: Bytes, sha256: &str, aad: String) -> Result<Sealed, ApiError> {
    let keyring = app.keyring.clone();
    let sealing = spawn_blocking(move || (hex::encode(Sha256::digest(&body)), keyring.seal(&body, &aad)));
    let (digest, sealed) = sealing.await.map_err(anyhow::Error::from)?;
    if digest != sha256 {
        let title = "The body is not what its checksum says";
        return Err(Problem::unprocessable("checksum_mismatch", title).with_field("query.sha256", title).into());
    }
    Ok(sealed.map_err(anyhow::Error::from)?)
}

async fn open(app: &App, sealed: Vec<u8>, aad: String) -> Result<Bytes, ApiError> {
    let keyring = app.keyring.clone();
    let opening = spawn_blocking(move || {
        let opened = keyring.open(&Sealed::from_bytes(sealed), &aad)?;
        Ok::<_, vault::OpenProblem>(Bytes::copy_from_slice(opened.expose_secret()))
    });
    Ok(opening.await.map_err(anyhow::Error::from)?.map_err(anyhow::Error::from)?)
}
