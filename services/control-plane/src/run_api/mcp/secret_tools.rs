//! Secrets of the project's environments. The agent names them; their values it neither gives nor gets.

use contract::agent::{ToolSecretSync, ToolSecretSyncPolicy};
use domain::approvals::secrets::{SecretPolicy, SecretSeen, SecretSync};
use domain::approvals::{ApprovalMode, Effect};
use domain::names::environment_namespace;
use forge::RepositoryProvider;
use serde_json::json;
use store::approvals::secrets::synced_before;
use store::project_environments::{self, EnvironmentRow};

use super::answer::{Refused, clean};
use super::forge_tools::unsaid;
use super::{Call, Done, people};
use crate::github;

pub(super) async fn sync(call: &Call<'_>) -> Result<Done, Refused> {
    let wanted: ToolSecretSync = call.input()?;
    let environment = environment(call, &wanted.environment, |row| row.allows_secrets).await?;
    let (dry_run, why) = (wanted.dry_run, wanted.why.clone());
    let sync = named(call, wanted, &environment)?;
    let seen = seen(call, &sync, &environment).await?;
    if dry_run {
        return Ok(Done::Read(would(&sync, &seen)));
    }
    // Whatever policies say: a secret is never put anywhere without whoever answers for the project.
    people::leave(call, Effect::Secret { sync, seen }, why, ApprovalMode::Owner).await
}

/// An environment of the run's project, where the agent may ask for this kind of thing.
pub(super) async fn environment(
    call: &Call<'_>,
    name: &str,
    allows: fn(&EnvironmentRow) -> bool,
) -> Result<EnvironmentRow, Refused> {
    let project = call.row.project_id;
    if let Some(environment) = project_environments::named(&call.app.pool, project, name).await? {
        let message = "Nobody has allowed agents to do this in this environment of your project.";
        return if allows(&environment) { Ok(environment) } else { Err(Refused::new("not_allowed", message)) };
    }
    let all = project_environments::list(&call.app.pool, project).await?;
    let names: Vec<_> = all.iter().filter(|row| allows(row)).map(|row| row.name.as_str()).collect();
    let there = if names.is_empty() { "none that you may do this in".to_owned() } else { names.join(", ") };
    let message = format!("Your project has no such environment. It has: {there}. Who manages it adds one.");
    Err(Refused::new("no_such_environment", message))
}

fn named(call: &Call<'_>, wanted: ToolSecretSync, environment: &EnvironmentRow) -> Result<SecretSync, Refused> {
    let key = wanted.kubernetes_secret_key.unwrap_or_else(|| wanted.github_secret_name.clone());
    let sync = SecretSync {
        environment: environment.name.clone(),
        kind: environment.kind.0,
        namespace: environment_namespace(&environment.project_slug, &environment.name),
        repository: call.row.repository.clone(),
        github_secret: wanted.github_secret_name,
        kubernetes_secret: wanted.kubernetes_secret_name,
        kubernetes_key: key,
        policy: match wanted.policy {
            ToolSecretSyncPolicy::Deterministic => SecretPolicy::Deterministic,
            ToolSecretSyncPolicy::Random => SecretPolicy::Random,
            ToolSecretSyncPolicy::Provided => SecretPolicy::Provided,
        },
        idempotency_key: wanted.idempotency_key,
    };
    sync.fit().map_err(|why| Refused::new("invalid_name", format!("{why}.")))?;
    if clean(json!(sync)) != json!(sync) {
        return Err(Refused::new("invalid_name", "One of these names looks like a credential; a name holds no value."));
    }
    Ok(sync)
}

async fn seen(call: &Call<'_>, sync: &SecretSync, environment: &EnvironmentRow) -> Result<SecretSeen, Refused> {
    let row = call.row;
    let opened = github::open(call.app, row.repository_id, &row.repository, &row.token_sealed);
    let (github, name) = opened.map_err(|error| Refused::broken(&error))?;
    let on_github = github.has_environment_secret(&name, &sync.environment, &sync.github_secret).await;
    Ok(SecretSeen {
        environment_id: environment.id,
        environment_version: environment.version,
        on_github: on_github.map_err(|error| unsaid(error.into()))?,
        synced_before: synced_before(&call.app.pool, row.project_id, row.repository_id, sync).await?,
    })
}

/// What a dry run tells.
fn would(sync: &SecretSync, seen: &SecretSeen) -> serde_json::Value {
    let github = if seen.on_github { "it is there and would be replaced" } else { "it would be created" };
    let kubernetes = if seen.synced_before { "it was synced before" } else { "it was never synced by this way" };
    json!({
        "dry_run": true,
        "environment": sync.environment,
        "policy": sync.policy,
        "github": { "secret": sync.github_secret, "note": github },
        "kubernetes": {
            "namespace": sync.namespace, "secret": sync.kubernetes_secret, "key": sync.kubernetes_key, "note": kubernetes,
        },
        "note": "Nothing was done and nobody was asked. Without dry_run, whoever manages the project has to approve it.",
    })
}
