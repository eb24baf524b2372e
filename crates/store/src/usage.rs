//! `token_usage`: what each model call used, recorded once; and the limits that calls met.

use chrono::TimeDelta;
use domain::ids::RunId;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::Result;

/// One model call.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Made by the gateway.
    pub call_id: Uuid,
    /// The run.
    pub run: RunId,
    /// Its launch.
    pub launch: i32,
    /// The model that answered.
    pub model: &'a str,
    /// Tokens sent, the cached ones included.
    pub input_tokens: i64,
    /// Of them, read from the upstream's cache.
    pub cached_input_tokens: i64,
    /// Tokens received.
    pub output_tokens: i64,
    /// The upstream said nothing, so this is an estimate.
    pub estimated: bool,
}

/// Records a call that was answered; the same call id again changes nothing.
///
/// # Errors
/// The database's.
pub async fn record(db: impl PgExecutor<'_>, call: &Call<'_>) -> Result<()> {
    sqlx::query!(
        "WITH recorded AS (
             INSERT INTO token_usage (call_id, run_id, launch, model, input_tokens, cached_input_tokens, output_tokens,
                                      estimated)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING run_id
         )
         UPDATE agent_runs SET version = version + 1, changed_at = app_now(), model_limited_until = NULL
         FROM recorded WHERE id = recorded.run_id",
        call.call_id,
        call.run.0,
        call.launch,
        call.model,
        call.input_tokens,
        call.cached_input_tokens,
        call.output_tokens,
        call.estimated
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that the model answered a launch's call with a limit, which lasts so long.
///
/// # Errors
/// The database's.
pub async fn limited(db: impl PgExecutor<'_>, run: RunId, launch: i32, pause: TimeDelta) -> Result<()> {
    sqlx::query!(
        "UPDATE agent_runs SET model_limited_until = app_now() + make_interval(secs => $3)
         WHERE id = $1 AND launch = $2 AND status = 'running'",
        run.0,
        launch,
        pause.as_seconds_f64()
    )
    .execute(db)
    .await?;
    Ok(())
}
