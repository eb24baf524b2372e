//! The audit: what each change of a run leaves behind, in the statement that makes the change.

use chrono::{DateTime, Utc};
use domain::flow::{FlowKind, canonical};
use domain::ids::RunId;
use serde_json::{Map, Value};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::Result;
use crate::intake::GITHUB_API;

/// One audit event on its way into a statement.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Id of the row.
    pub id: Uuid,
    /// What happened.
    pub kind: FlowKind,
    /// `user:<login>`, `system:<part>` or `agent`.
    pub actor: String,
    /// Details; strings and integers only, so that the canonical bytes can be made again from the row.
    pub data: Value,
    /// What the hash covers.
    pub canonical: Vec<u8>,
}

impl Entry {
    /// An event with its details, given as an object.
    #[must_use]
    pub fn new(kind: FlowKind, actor: impl Into<String>, data: Value) -> Self {
        let actor = actor.into();
        let map = match data {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        let canonical = canonical(kind, &actor, &map);
        Self { id: Uuid::now_v7(), kind, actor, data: Value::Object(map), canonical }
    }
}

/// Details of an event that, where `is_found`, nobody told the platform: it was found after an outage, and is believed
/// because GitHub's API says so when it is asked.
pub(crate) fn told(mut data: Value, is_found: bool) -> Value {
    if is_found {
        data["found"] = "after_outage".into();
        data["channel"] = GITHUB_API.into();
    }
    data
}

/// A stored event.
#[derive(Debug, Clone)]
pub struct FlowRow {
    /// Place in the run's chain, from 1.
    pub seq: i64,
    /// Code of [`FlowKind`].
    pub kind: String,
    /// Who.
    pub actor: String,
    /// Details.
    pub data: Value,
    /// Head of the chain after this event.
    pub hash: Vec<u8>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Appends to a run's chain, whoever holds its lease; answers whether it is new. Appending the same entry again does
/// nothing.
///
/// # Errors
/// The database's.
pub async fn append(db: impl PgExecutor<'_>, run: RunId, entry: &Entry) -> Result<bool> {
    let appended = sqlx::query_file!(
        "src/flow/append.sql",
        run.0,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data,
        entry.canonical
    )
    .execute(db)
    .await?;
    Ok(appended.rows_affected() == 1)
}

/// A run's events after `after`, oldest first, at most `limit`.
///
/// # Errors
/// The database's.
pub async fn of_run(db: impl PgExecutor<'_>, run: RunId, after: i64, limit: i64) -> Result<Vec<FlowRow>> {
    sqlx::query_as!(
        FlowRow,
        r#"SELECT seq AS "seq!", kind, actor, data, hash AS "hash!", at FROM flow_events
           WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"#,
        run.0,
        after,
        limit
    )
    .fetch_all(db)
    .await
}

/// Sequence number of the first event whose hash does not follow from its predecessor and its content, or of a gap;
/// `None` when the chain holds.
///
/// # Errors
/// The database's.
pub async fn first_break(db: impl PgExecutor<'_> + Copy, run: RunId) -> Result<Option<i64>> {
    let mut head: Vec<u8> = Vec::new();
    for (expected, row) in (1..).zip(of_run(db, run, 0, i64::MAX).await?) {
        let Ok(kind) = row.kind.parse::<FlowKind>() else { return Ok(Some(expected)) };
        let data = row.data.as_object().cloned().unwrap_or_default();
        let bytes = canonical(kind, &row.actor, &data);
        let hash = sqlx::query_scalar!(r#"SELECT flow_hash($1, $2, $3, $4) AS "hash!""#, head, expected, row.at, bytes)
            .fetch_one(db)
            .await?;
        if row.seq != expected || row.hash != hash {
            return Ok(Some(expected));
        }
        head = hash;
    }
    Ok(None)
}
