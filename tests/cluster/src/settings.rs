//! The platform with other settings for a while, and its clock moved on.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use sqlx::postgres::PgPool;

use crate::cluster::{Cluster, PLATFORM};
use crate::patience::until;

/// Settings by name; `CODEXK8S_` is put before it.
type Settings<'a> = &'a [(&'a str, &'a str)];

/// Runs `work` with so many workers, which have these further settings.
///
/// # Errors
/// Those of `work`, or when a rollout hangs.
pub async fn with_worker<T>(
    cluster: &Cluster,
    replicas: i32,
    settings: Settings<'_>,
    work: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    with(Program { cluster, name: "worker" }, Some(replicas), settings, work).await
}

/// Runs `work` with a gateway that has these further settings.
///
/// # Errors
/// Those of `work`, or when a rollout hangs.
pub async fn with_gateway<T>(
    cluster: &Cluster,
    settings: Settings<'_>,
    work: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    with(Program { cluster, name: "api-gateway" }, None, settings, work).await
}

async fn with<T>(
    program: Program<'_>,
    replicas: Option<i32>,
    settings: Settings<'_>,
    work: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    let usual = program.replicas().await?;
    let settings: Vec<Value> =
        settings.iter().map(|(name, value)| json!({ "name": format!("CODEXK8S_{name}"), "value": value })).collect();
    let given = async {
        program.roll(replicas.unwrap_or(usual), &settings).await?;
        work().await
    };
    let result = given.await;
    let unset: Vec<Value> =
        settings.iter().map(|setting| json!({ "name": setting["name"], "$patch": "delete" })).collect();
    program.roll(usual, &unset).await?;
    result
}

/// One of the platform's Deployments; its container has the same name.
struct Program<'a> {
    cluster: &'a Cluster,
    name: &'static str,
}

impl Program<'_> {
    async fn replicas(&self) -> Result<i32> {
        let deployment = self.cluster.api::<Deployment>(PLATFORM).get(self.name).await?;
        deployment.spec.and_then(|spec| spec.replicas).context("a Deployment without a count")
    }

    async fn roll(&self, replicas: i32, env: &[Value]) -> Result<()> {
        let deployments = self.cluster.api::<Deployment>(PLATFORM);
        let mut wanted = json!({ "spec": { "replicas": replicas } });
        if !env.is_empty() {
            wanted["spec"]["template"]["spec"]["containers"] = json!([{ "name": self.name, "env": env }]);
        }
        let patched = deployments.patch(self.name, &PatchParams::default(), &Patch::Strategic(wanted)).await?;
        let generation = patched.metadata.generation;
        until("the rollout", Duration::from_secs(90), async || {
            let status = deployments.get(self.name).await?.status.unwrap_or_default();
            let all = |count: Option<i32>| count.unwrap_or_default() == replicas;
            let complete = status.observed_generation >= generation
                && all(status.replicas)
                && all(status.updated_replicas)
                && all(status.available_replicas);
            // One that is on its way out may still be who is asked, and closes the connection.
            let alive = self.cluster.alive(self.name).await?.len();
            Ok((complete && alive == usize::try_from(replicas)?).then_some(()))
        })
        .await
        .context(self.name)?;
        Ok(())
    }
}

/// Runs `work` while the platform's clock, which is its database's, is so much later.
///
/// # Errors
/// Those of `work`, or the database's.
pub async fn later<T>(db: &PgPool, by: Duration, work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
    let shift = async |by: Duration| {
        let sql = "UPDATE clock_shift SET shift = make_interval(secs => $1)";
        sqlx::query(sql).bind(by.as_secs_f64()).execute(db).await
    };
    shift(by).await?;
    let result = work().await;
    shift(Duration::ZERO).await?;
    // Who follows runs goes on from the newest change, and would wait for those of then.
    sqlx::query("UPDATE agent_runs SET changed_at = app_now() WHERE changed_at > app_now()").execute(db).await?;
    result
}
