//! One run, as the staff API, the cluster and the database show it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::patience::until;
use crate::scene::Scene;

/// How long a run may take to its end on a busy machine.
const TO_THE_END: Duration = Duration::from_secs(150);
/// How long until its pod works.
const TO_WORK: Duration = Duration::from_secs(90);

/// The status of a run whose work waits for its owner.
const HANDED_IN: &str = "waiting_owner_review";

/// A run of a scene.
pub struct Run<'a> {
    /// Where it plays.
    pub scene: &'a Scene,
    /// Its id.
    pub id: String,
    /// Its issue.
    pub issue: u64,
    /// Its namespace.
    pub namespace: String,
}

impl Run<'_> {
    /// As the staff API shows it now.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn view(&self) -> Result<Value> {
        self.scene.owner.get(&format!("runs/{}", self.id)).await
    }

    /// The kinds of its timeline, in their order, and with them everything that was said.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn timeline(&self) -> Result<Vec<Value>> {
        let page = self.scene.owner.get(&format!("runs/{}/timeline", self.id)).await?;
        page["items"].as_array().cloned().context("no timeline")
    }

    /// The reasons of its failed launches, in their order.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn failed_launches(&self) -> Result<Vec<String>> {
        let flows = self.timeline().await?;
        let failed = flows.iter().filter(|flow| flow["kind"] == "launch.failed");
        Ok(failed.map(|flow| flow["data"]["reason"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// How often something happened to it.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn times(&self, kind: &str) -> Result<usize> {
        Ok(self.timeline().await?.iter().filter(|flow| flow["kind"] == kind).count())
    }

    /// Everything the agent reported, oldest first.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn events(&self) -> Result<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map_or(0, |event| event["position"].as_i64().unwrap_or_default());
            let page = self.scene.owner.get(&format!("runs/{}/events?after={after}", self.id)).await?;
            all.extend(page["items"].as_array().context("no events")?.iter().cloned());
            if page["more"] != true {
                return Ok(all);
            }
        }
    }

    /// All that the agent's commands printed.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn printed(&self) -> Result<String> {
        let events = self.events().await?;
        let texts = events.iter().filter(|event| event["kind"] == "output").map(|event| event["text"].as_str());
        Ok(texts.map(Option::unwrap_or_default).collect::<Vec<_>>().join("\n"))
    }

    /// Waits until it is over, or its work waits for its owner.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn ended(&self) -> Result<Value> {
        let waits = |run: &Value| run["status"] == HANDED_IN;
        let over = async || Ok(Some(self.view().await?).filter(|run| waits(run) || !run["finished_at"].is_null()));
        Ok(until("the end of the run", TO_THE_END, over).await?.0)
    }

    /// Waits until its work is in a pull request.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub async fn handed_in(&self) -> Result<Value> {
        self.ended_as(HANDED_IN, "").await
    }

    /// Waits until it is over and compares how.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub async fn ended_as(&self, status: &str, reason: &str) -> Result<Value> {
        let run = self.ended().await?;
        let is = |field: &str, wanted: &str| run[field].as_str().unwrap_or_default() == wanted;
        let as_wanted = is("status", status) && is("reason", reason);
        ensure!(as_wanted, "ended {} {} ({})", run["status"], run["reason"], run["reason_detail"]);
        Ok(run)
    }

    /// Waits until the agent of this launch works, and answers its pod's name.
    ///
    /// # Errors
    /// When that takes too long, or the run ends before.
    pub async fn working(&self, launch: i64) -> Result<String> {
        let looked = until("the agent at work", TO_WORK, async || {
            let run = self.view().await?;
            ensure!(
                run["finished_at"].is_null(),
                "ended {} {} ({})",
                run["status"],
                run["reason"],
                run["reason_detail"]
            );
            let floor = launch * 1_000_000_000;
            let page = self.scene.owner.get(&format!("runs/{}/events?after={floor}", self.id)).await?;
            let events = page["items"].as_array().context("no events")?;
            if !events.iter().any(|event| event["kind"] == "output") {
                return Ok(None);
            }
            self.pod().await
        });
        let (pod, _) = looked.await?;
        pod.metadata.name.context("a pod without a name")
    }

    /// Its pod that runs.
    ///
    /// # Errors
    /// The API server's.
    pub async fn pod(&self) -> Result<Option<Pod>> {
        let mut pods = self.scene.stage.cluster.pods(&self.namespace).await?;
        pods.retain(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            pod.metadata.deletion_timestamp.is_none() && phase == Some("Running")
        });
        Ok(pods.pop())
    }

    /// The run token of a launch, as its Secret holds it.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn token(&self, launch: i64) -> Result<String> {
        let short = self.id.rsplit('-').next().unwrap_or_default();
        let name = format!("run-{}-l{launch}-token", &short[short.len().saturating_sub(8)..]);
        let values = self.scene.stage.cluster.secret(&self.namespace, &name).await?;
        values.into_values().next().context("an empty Secret")
    }

    /// Asks the platform to stop it.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn cancel(&self) -> Result<()> {
        self.scene.owner.post(&format!("runs/{}/cancel", self.id), &json!(null)).await.map(drop)
    }
}

/// What a script printed as `what=…`, in everything that was printed.
///
/// # Errors
/// When it printed no such line.
pub fn said<'a>(printed: &'a str, what: &str) -> Result<&'a str> {
    let line = printed.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix('='));
    line.with_context(|| format!("no answer about {what} in:\n{printed}"))
}
