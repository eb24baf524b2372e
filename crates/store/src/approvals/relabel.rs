//! A label that says who approves is put on or taken off while people are asked: open requests get the ruling that follows
//! from it. Which channels ask, and who is told, moves with the mode, by a trigger.

use chrono::{DateTime, Utc};
use domain::approvals::policy::{Leave, Ruling};
use domain::flow::FlowKind;
use domain::ids::{RepositoryId, RunId};
use domain::tools::Tool;
use serde_json::json;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::{Result, flow};

/// A label that was moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relabelled<'a> {
    /// Where.
    pub repository: RepositoryId,
    /// The issue or pull request.
    pub number: i64,
    /// The label.
    pub label: &'a str,
    /// When; `None`: it is so now.
    pub at: Option<DateTime<Utc>>,
    /// Whether a label that asks for the owner lies there now.
    pub asks_owner: bool,
    /// Who moved it, for the audit.
    pub actor: &'a str,
}

/// Says anew who approves what the runs about an issue ask leave for; answers the runs whose requests are another matter
/// now. An event that comes after a later one about the label changes nothing.
///
/// # Errors
/// The database's.
pub(crate) async fn rule(db: &mut PgConnection, moved: &Relabelled<'_>) -> Result<Vec<RunId>> {
    let mut runs = Vec::new();
    for open in open(&mut *db, moved).await? {
        let leave = open.tool.parse::<Tool>().ok().and_then(Tool::leave).unwrap_or(Leave::STRICTEST);
        let ruling = open.ruling.relabelled(leave, moved.asks_owner);
        if ruling == open.ruling.0 {
            continue;
        }
        let told = json!({
            "request": open.id, "label": moved.label, "mode": ruling.mode, "because": ruling.because,
        });
        let entry = flow::Entry::new(FlowKind::RequestRuled, moved.actor, told);
        let ruled = write(&mut *db, open.id, &ruling, &entry).await?;
        runs.extend(ruled.filter(|run| !runs.contains(run)));
    }
    Ok(runs)
}

/// A request that waits for people.
struct OpenRow {
    id: Uuid,
    tool: String,
    ruling: Json<Ruling>,
}

/// The runs' rows are locked first, as by everything that decides, and read by a statement of its own: it sees what another
/// event about the label wrote while this one waited for it.
async fn open(db: &mut PgConnection, moved: &Relabelled<'_>) -> Result<Vec<OpenRow>> {
    let (repository, number) = (moved.repository.0, moved.number);
    sqlx::query!(
        "SELECT id FROM agent_runs WHERE repository_id = $1 AND subject_number = $2 AND requests_open > 0 ORDER BY id FOR UPDATE",
        repository,
        number
    )
    .fetch_all(&mut *db)
    .await?;
    sqlx::query_file_as!(OpenRow, "src/approvals/rulings.sql", repository, number, moved.label, moved.at)
        .fetch_all(db)
        .await
}

async fn write(db: impl PgExecutor<'_>, request: Uuid, ruling: &Ruling, entry: &flow::Entry) -> Result<Option<RunId>> {
    let ruled = sqlx::query_file_scalar!(
        "src/approvals/rule.sql",
        request,
        ruling.mode.as_str(),
        Json(ruling) as _,
        entry.id,
        entry.kind.as_str(),
        entry.actor,
        entry.data,
        entry.canonical
    );
    Ok(ruled.fetch_optional(db).await?.map(RunId))
}
