//! The prompt that a run works on, with what it is made of.

use domain::ids::RunId;
use serde_json::Value;
use sqlx::PgExecutor;

use crate::Result;

/// Who wrote the issue, as the event that started the run told it.
#[derive(Debug, Clone)]
pub struct AuthorRow {
    /// Numeric id on GitHub.
    pub github_id: i64,
    /// Login on GitHub.
    pub login: String,
}

/// The author of the run's issue; `None` when no event named one.
///
/// # Errors
/// The database's.
pub async fn issue_author(db: impl PgExecutor<'_>, run: RunId) -> Result<Option<AuthorRow>> {
    sqlx::query_as!(
        AuthorRow,
        r#"SELECT (author ->> 'id')::bigint AS "github_id!", author ->> 'login' AS "login!"
           FROM agent_runs AS a
           LEFT JOIN agent_runs AS earlier ON earlier.id = COALESCE(a.resumes, a.reviews)
           JOIN webhook_deliveries AS d ON d.id IN (a.delivery_id, earlier.delivery_id)
           CROSS JOIN LATERAL (SELECT COALESCE(d.payload #> '{issue,user}',
                                               CASE WHEN d.subject_number = a.subject_number
                                                    THEN d.payload #> '{pull_request,user}' END) AS author) AS issue
           WHERE a.id = $1 AND jsonb_typeof(author -> 'id') = 'number' AND jsonb_typeof(author -> 'login') = 'string'
           LIMIT 1"#,
        run.0
    )
    .fetch_optional(db)
    .await
}

/// A prompt to keep.
#[derive(Debug, Clone)]
pub struct NewPrompt<'a> {
    /// What the agent reads.
    pub text: &'a str,
    /// Hash of it.
    pub sha256: &'a str,
    /// Of its templates.
    pub version: &'a str,
    /// Its parts, those that the agent does not read among them.
    pub segments: &'a Value,
}

/// What a run's agent works on.
#[derive(Debug, Clone)]
pub struct KeptPrompt {
    /// What the agent reads.
    pub text: String,
    /// Hash of it.
    pub sha256: String,
}

/// Keeps the prompt that the run works on and answers the one that is kept: the first stays, so that every launch works
/// on the same.
///
/// # Errors
/// The database's.
pub async fn keep(db: impl PgExecutor<'_>, run: RunId, new: &NewPrompt<'_>) -> Result<KeptPrompt> {
    sqlx::query_as!(
        KeptPrompt,
        r#"UPDATE agent_runs
           SET prompt_segments = CASE WHEN prompt IS NULL THEN $5 ELSE prompt_segments END,
               prompt_version = CASE WHEN prompt IS NULL THEN $4 ELSE prompt_version END,
               prompt_sha256 = CASE WHEN prompt IS NULL THEN $3 ELSE prompt_sha256 END,
               prompt = COALESCE(prompt, $2)
           WHERE id = $1
           RETURNING prompt AS "text!", prompt_sha256 AS "sha256!""#,
        run.0,
        new.text,
        new.sha256,
        new.version,
        new.segments
    )
    .fetch_one(db)
    .await
}

/// A run's prompt as people look at it.
#[derive(Debug, Clone)]
pub struct PromptRow {
    /// What the agent reads; `None` before its first launch.
    pub text: Option<String>,
    /// Hash of it.
    pub sha256: Option<String>,
    /// Of its templates.
    pub version: Option<String>,
    /// Its parts; `None` in runs that are older than the record of them.
    pub segments: Option<Value>,
}

/// The prompt of a run.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, run: RunId) -> Result<Option<PromptRow>> {
    sqlx::query_as!(
        PromptRow,
        "SELECT prompt AS text, prompt_sha256 AS sha256, prompt_version AS version, prompt_segments AS segments
         FROM agent_runs WHERE id = $1",
        run.0
    )
    .fetch_optional(db)
    .await
}
