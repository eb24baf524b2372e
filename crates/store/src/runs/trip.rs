//! The decoy of a run, and what becomes of the run when the decoy turns up.

use domain::ids::RunId;
use domain::labels::IN_REVIEW;
use serde_json::Value;
use sqlx::PgExecutor;

use crate::{Result, flow};

/// Additional authenticated data of a run's sealed decoy.
#[must_use]
pub fn decoy_aad(run: RunId) -> String {
    format!("agent_runs/{run}/decoy")
}

/// Gives a run its decoy, unless it has one; answers the one that it has. `None`: there is no such run.
///
/// # Errors
/// The database's.
pub async fn keep_decoy(db: impl PgExecutor<'_>, run: RunId, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
    let kept = sqlx::query_scalar!(
        r#"UPDATE agent_runs SET decoy_sealed = COALESCE(decoy_sealed, $2) WHERE id = $1 RETURNING decoy_sealed AS "kept!""#,
        run.0,
        sealed
    );
    kept.fetch_optional(db).await
}

/// A sighting of the decoy.
#[derive(Debug, Clone)]
pub struct Trip<'a> {
    /// What is said about the end, by language.
    pub said: &'a Value,
    /// Audit of the sighting, with the evidence.
    pub seen: flow::Entry,
    /// Audit of the end, by the same actor.
    pub finished: flow::Entry,
}

/// Ends an active run whose decoy turned up, in the statement that keeps the evidence: from then on its token is refused
/// and whoever leased it finds it taken away. Answers whether this ended it; `None` when the decoy was seen before.
///
/// # Errors
/// The database's.
pub async fn trip(db: impl PgExecutor<'_>, run: RunId, trip: &Trip<'_>) -> Result<Option<bool>> {
    let Trip { said, seen, finished } = trip;
    let ended = sqlx::query_file_scalar!(
        "src/runs/trip.sql",
        run.0,
        *said,
        seen.id,
        seen.kind.as_str(),
        seen.data,
        seen.canonical,
        finished.id,
        finished.data,
        finished.canonical,
        seen.actor,
        IN_REVIEW
    );
    ended.fetch_optional(db).await
}
