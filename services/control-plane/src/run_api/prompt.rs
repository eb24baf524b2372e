//! The prompt of a run: made once, at its first launch, and kept.

use std::time::Duration;

use anyhow::Context;
use domain::ids::RunId;
use domain::locale::Locale;
use forge::{GitHub, RepositoryPermission, RepositoryProvider};
use prompts::run::{Author, RunFacts};
use store::repositories::token_aad;
use store::runs::prompt::{self, AuthorRow, KeptPrompt, NewPrompt};
use store::runs::report::ContextRow;
use vault::Sealed;

use crate::error::ApiError;
use crate::prompt::{facts, templates};
use crate::state::App;

/// How long GitHub may take to say what the issue's author may; the run does not wait longer for a remark about them.
const PATIENCE: Duration = Duration::from_secs(3);

/// The prompt of an earlier launch, or a new one, which is kept: every launch works on the same.
pub(super) async fn of(app: &App, run: RunId, row: &ContextRow) -> Result<KeptPrompt, ApiError> {
    if let (Some(text), Some(sha256)) = (row.prompt.clone(), row.prompt_sha256.clone()) {
        return Ok(KeptPrompt { text, sha256 });
    }
    let facts = RunFacts { issue_author: author(app, run).await?, ..facts(row) };
    let locale = Locale::or_english(&row.locale);
    let templates = templates(app, Some(row.project_id), locale, &facts, None).await?;
    let made = prompts::run::render(templates, &facts).map_err(anyhow::Error::from)?;
    let segments = serde_json::to_value(&made.segments).context("writing down a prompt's segments")?;
    let new = NewPrompt { text: &made.text, sha256: &made.sha256, version: &made.version, segments: &segments };
    Ok(prompt::keep(&app.pool, run, &new).await?)
}

/// Who wrote the issue, and what they may do in its repository.
async fn author(app: &App, run: RunId) -> Result<Option<Author>, ApiError> {
    let Some(row) = prompt::issue_author(&app.pool, run).await? else { return Ok(None) };
    let asked = tokio::time::timeout(PATIENCE, permission(app, &row)).await;
    let permission = match asked.context("GitHub took too long").flatten() {
        Ok(permission) => permission,
        Err(error) => {
            tracing::warn!(
                error = format!("{error:#}"),
                login = row.login,
                "the issue's author is told without a right"
            );
            "unknown"
        }
    };
    Ok(Some(Author { login: row.login, permission: permission.to_owned() }))
}

async fn permission(app: &App, row: &AuthorRow) -> anyhow::Result<&'static str> {
    let sealed = Sealed::from_bytes(row.token_sealed.clone());
    let token = app.keyring.open_text(&sealed, &token_aad(row.repository)).context("opening a forge token")?;
    let github = GitHub::new(&app.github_api_url, &token).context("build a client of GitHub")?;
    let level = github.permission_of(&row.full_name.parse()?, row.github_id, &row.login).await?;
    Ok(match level {
        Some(RepositoryPermission::Admin) => "admin",
        Some(RepositoryPermission::Write) => "write",
        Some(RepositoryPermission::Read) => "read",
        Some(RepositoryPermission::None) | None => "none",
    })
}
