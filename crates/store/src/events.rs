//! `run_events`: what the agent reported, in numbered batches that may come twice.

use chrono::{DateTime, Utc};
use domain::ids::RunId;
use sqlx::PgExecutor;

use crate::Result;

/// An event as the runner sent it.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// 1, 2, 3 … within the launch.
    pub seq: i64,
    /// The runner's clock; for people, never for a decision.
    pub at: DateTime<Utc>,
    /// Code from the contract.
    pub kind: String,
    /// May hold ANSI sequences.
    pub text: String,
    /// Ties a command to its output.
    pub item: Option<String>,
    /// Of a command.
    pub exit_code: Option<i32>,
}

/// A stored event.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Orders a run's events across its launches.
    pub position: i64,
    /// When, by the runner's clock.
    pub at: DateTime<Utc>,
    /// Code from the contract.
    pub kind: String,
    /// The text.
    pub text: String,
    /// Ties a command to its output.
    pub item: Option<String>,
    /// Of a command.
    pub exit_code: Option<i32>,
}

/// Stores a batch; events that are there already stay as they are.
///
/// # Errors
/// The database's.
pub async fn append(db: impl PgExecutor<'_>, run: RunId, launch: i32, events: &[NewEvent]) -> Result<()> {
    let seqs: Vec<i64> = events.iter().map(|e| e.seq).collect();
    let times: Vec<DateTime<Utc>> = events.iter().map(|e| e.at).collect();
    let kinds: Vec<String> = events.iter().map(|e| e.kind.clone()).collect();
    let texts: Vec<String> = events.iter().map(|e| e.text.clone()).collect();
    let items: Vec<Option<String>> = events.iter().map(|e| e.item.clone()).collect();
    let codes: Vec<Option<i32>> = events.iter().map(|e| e.exit_code).collect();
    sqlx::query!(
        "INSERT INTO run_events (run_id, launch, seq, at, kind, text, item, exit_code)
         SELECT $1, $2, * FROM unnest($3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::int[])
         ON CONFLICT DO NOTHING",
        run.0,
        launch,
        &seqs,
        &times,
        &kinds,
        &texts,
        &items as &[Option<String>],
        &codes as &[Option<i32>]
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Where the stream of a launch stands.
#[derive(Debug, Clone)]
pub struct StreamEnd {
    /// Greatest seq that is stored; 0 when there is none. Batches come in order, so all before it are there.
    pub last_seq: i64,
    /// The last letters of that event.
    pub tail: String,
    /// The run's decoy, sealed for [`crate::runs::trip::decoy_aad`].
    pub decoy_sealed: Option<Vec<u8>>,
}

/// Where the stream of a launch stands, and what must not be in it; `None` when there is no such run.
///
/// # Errors
/// The database's.
pub async fn stream_end(db: impl PgExecutor<'_>, run: RunId, launch: i32) -> Result<Option<StreamEnd>> {
    sqlx::query_as!(
        StreamEnd,
        r#"SELECT COALESCE(last.seq, 0) AS "last_seq!", COALESCE(right(last.text, $3), '') AS "tail!", a.decoy_sealed
           FROM agent_runs AS a
           LEFT JOIN LATERAL (SELECT seq, text FROM run_events WHERE run_id = a.id AND launch = $2
                              ORDER BY seq DESC LIMIT 1) AS last ON true
           WHERE a.id = $1"#,
        run.0,
        launch,
        TAIL
    )
    .fetch_optional(db)
    .await
}

/// Letters of a text that are read again with what follows it: a long text comes as several events, and what is looked for
/// may lie across two. Longer than any form of it, also when that is wrapped.
const TAIL: i32 = 400;

/// A run's events after a position, oldest first.
///
/// # Errors
/// The database's.
pub async fn after(db: impl PgExecutor<'_>, run: RunId, position: i64, limit: i64) -> Result<Vec<EventRow>> {
    sqlx::query_as!(
        EventRow,
        r#"SELECT position AS "position!", at, kind, text, item, exit_code FROM run_events
           WHERE run_id = $1 AND (launch, seq) > ($2, $3) ORDER BY launch, seq LIMIT $4"#,
        run.0,
        i32::try_from(position / LAUNCH_STRIDE).unwrap_or(i32::MAX),
        position % LAUNCH_STRIDE,
        limit
    )
    .fetch_all(db)
    .await
}

/// Positions of one launch lie between its number and the next, times this.
const LAUNCH_STRIDE: i64 = 1_000_000_000;
