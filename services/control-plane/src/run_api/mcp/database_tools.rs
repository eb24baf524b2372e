//! Databases for the applications of the project's environments. A name that another project has is taken, whatever is
//! asked about it, and nothing more is told.

use contract::agent::{ToolDatabase, ToolDatabaseAction};
use domain::approvals::databases::{
    DatabaseAction, DatabaseChange, DatabaseSeen, DatabaseState, connection_secret, is_name,
};
use domain::approvals::{ApprovalMode, Effect};
use domain::names::environment_namespace;
use serde_json::json;
use store::project_databases::{self, DatabaseRow};
use store::project_environments::EnvironmentRow;

use super::answer::Refused;
use super::{Call, Done, people, secret_tools};

pub(super) async fn lifecycle(call: &Call<'_>) -> Result<Done, Refused> {
    let wanted: ToolDatabase = call.input()?;
    let name = wanted.database_name;
    if !is_name(&name) {
        return Err(Refused::new("invalid_name", "The server keeps this name for itself; choose another one."));
    }
    let environment = secret_tools::environment(call, &wanted.environment, |row| row.allows_databases).await?;
    let there = project_databases::named(&call.app.pool, &name).await?;
    if there.as_ref().is_some_and(|row| row.project_id != call.row.project_id || row.environment != environment.name) {
        return Err(Refused::new("taken", "This name is taken; choose another one."));
    }
    let action = match wanted.action {
        ToolDatabaseAction::Create => DatabaseAction::Create,
        ToolDatabaseAction::Delete => DatabaseAction::Delete,
        ToolDatabaseAction::Describe => DatabaseAction::Describe,
    };
    if let Some(done) = at_once(action, &name, there.as_ref(), wanted.confirm_delete)? {
        return Ok(done);
    }
    let change = changed(action, name, &environment);
    if wanted.dry_run {
        return Ok(Done::Read(would(&change)));
    }
    let seen = DatabaseSeen {
        environment_id: environment.id,
        environment_version: environment.version,
        database_id: there.map(|row| row.id),
    };
    let mode = change.mode();
    people::leave(call, Effect::Database { change, seen }, wanted.why, mode).await
}

/// What needs neither leave nor a server.
fn at_once(
    action: DatabaseAction,
    name: &str,
    there: Option<&DatabaseRow>,
    confirmed: bool,
) -> Result<Option<Done>, Refused> {
    match (action, there) {
        (DatabaseAction::Create, Some(row)) => {
            let note = match row.state.0 {
                DatabaseState::Creating | DatabaseState::Deleting => {
                    "Your project has it, but an earlier request has not come to its end. Describe it later; if it stays \
                     like this, ask to delete it, and then to create it."
                }
                DatabaseState::Ready | DatabaseState::Deleted => "Your project has it already.",
            };
            Ok(Some(Done::Read(json!({ "database": name, "state": row.state.0, "note": note }))))
        }
        (DatabaseAction::Describe, None) => Ok(Some(Done::Read(json!({ "database": name, "exists": false })))),
        (DatabaseAction::Delete, None) => Err(Refused::new("not_found", "Your project has no such database.")),
        (DatabaseAction::Delete, Some(_)) if !confirmed => {
            let message = "All that is in it would be lost: set confirm_delete when that is what you want.";
            Err(Refused::new("not_confirmed", message))
        }
        _ => Ok(None),
    }
}

fn changed(action: DatabaseAction, database: String, environment: &EnvironmentRow) -> DatabaseChange {
    DatabaseChange {
        action,
        environment: environment.name.clone(),
        kind: environment.kind.0,
        namespace: environment_namespace(&environment.project_slug, &environment.name),
        database,
    }
}

/// What a dry run tells.
fn would(change: &DatabaseChange) -> serde_json::Value {
    let asks = if change.mode() == ApprovalMode::None { "Nobody" } else { "Whoever manages the project" };
    json!({
        "dry_run": true,
        "action": change.action,
        "database": change.database,
        "connection": { "namespace": change.namespace, "secret": connection_secret(&change.database) },
        "note": format!("Nothing was done. {asks} has to approve it."),
    })
}
