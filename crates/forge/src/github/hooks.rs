//! Webhooks of a repository, and the log of what they delivered.

use chrono::{DateTime, Utc};
use http::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Client, Route};
use crate::error::ForgeError;
use crate::model::{Delivery, DeliveryLog, DeliverySummary, HookSpec, RepositoryName};
use crate::provider::Answered;

#[derive(Deserialize)]
struct Hook {
    id: i64,
    #[serde(default)]
    config: HookConfig,
}

#[derive(Default, Deserialize)]
struct HookConfig {
    url: Option<String>,
}

fn hooks(name: &RepositoryName) -> Route {
    Route::repository(name, "hooks")
}

pub(super) async fn ensure(client: &Client, name: &RepositoryName, spec: &HookSpec) -> Answered<i64> {
    let wanted = json!({
        "name": "web",
        "active": true,
        "events": spec.events,
        "config": {
            "url": spec.url.as_str(),
            "content_type": "json",
            "insecure_ssl": "0",
            "secret": spec.secret.expose_secret(),
        },
    });
    match ours(client, name, spec).await?.as_slice() {
        [] => create(client, name, spec, &wanted).await,
        [kept, extra @ ..] => keep_one(client, name, *kept, extra, &wanted).await,
    }
}

async fn create(client: &Client, name: &RepositoryName, spec: &HookSpec, wanted: &Value) -> Answered<i64> {
    match client.write(Method::POST, &hooks(name), Some(wanted)).await {
        // Somebody may have made it in between.
        Err(refused @ ForgeError::Validation { .. }) => match ours(client, name, spec).await?.as_slice() {
            [] => Err(refused),
            [kept, extra @ ..] => keep_one(client, name, *kept, extra, wanted).await,
        },
        made => made?.read::<Hook>().map(|hook| hook.id),
    }
}

/// A second hook with the same URL would deliver everything twice.
async fn keep_one(client: &Client, name: &RepositoryName, kept: i64, extra: &[i64], wanted: &Value) -> Answered<i64> {
    for hook in extra {
        remove(client, name, *hook).await?;
    }
    let updated = client.write(Method::PATCH, &hooks(name).then(kept), Some(wanted)).await?;
    updated.read::<Hook>().map(|hook| hook.id)
}

async fn ours(client: &Client, name: &RepositoryName, spec: &HookSpec) -> Answered<Vec<i64>> {
    let all: Vec<Hook> = client.list(&hooks(name), |_| false).await?;
    Ok(all.iter().filter(|hook| hook.config.url.as_deref() == Some(spec.url.as_str())).map(|hook| hook.id).collect())
}

pub(super) async fn remove(client: &Client, name: &RepositoryName, hook: i64) -> Answered<()> {
    super::gone_is_done(client.write(Method::DELETE, &hooks(name).then(hook), None).await)
}

pub(super) async fn deliveries(
    client: &Client,
    name: &RepositoryName,
    hook: i64,
    since: DateTime<Utc>,
    known: Option<&str>,
) -> Answered<Option<DeliveryLog>> {
    let route = hooks(name).then(hook).then("deliveries");
    let reached = |seen: &[DeliverySummary]| seen.last().is_some_and(|last| last.delivered_at < since);
    let Some((mut entries, version)) = client.list_if_changed(&route, known, reached).await? else { return Ok(None) };
    entries.retain(|delivery| delivery.delivered_at >= since);
    Ok(Some(DeliveryLog { entries, version }))
}

pub(super) async fn delivery(client: &Client, name: &RepositoryName, hook: i64, attempt: i64) -> Answered<Delivery> {
    #[derive(Deserialize)]
    struct Detail {
        guid: String,
        event: String,
        request: Request,
    }
    #[derive(Deserialize)]
    struct Request {
        payload: Value,
    }
    let route = hooks(name).then(hook).then("deliveries").then(attempt);
    let Detail { guid, event, request } = client.get(&route).await?;
    Ok(Delivery { guid, event, payload: request.payload })
}
