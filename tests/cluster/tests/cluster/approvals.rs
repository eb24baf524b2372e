//! What agents ask of people: the real codex asks and ends its turn, its pod goes, and the answer comes back into the
//! same session, with the files as they were.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Run, Scene, beside, until};
use serde_json::{Value, json};

/// From the question to the run that waits without a pod.
const PARKED_WITHIN: Duration = Duration::from_secs(150);

/// A run, as soon as it waits for people without a launch.
pub(crate) async fn parked(run: &Run<'_>) -> Result<Value> {
    let waits = async || Ok(Some(run.view().await?).filter(|run| run["waits"]["for"] == "answer"));
    Ok(until("the run waits for an answer", PARKED_WITHIN, waits).await?.0)
}

/// The open question of a run that waits for people.
pub(crate) async fn waits(scene: &Scene, run: &Run<'_>) -> Result<Value> {
    let seen = parked(run).await?;
    ensure!(seen["status"] == "waiting_mcp" && seen["deadline_at"].is_null(), "{seen}");
    until("its pod is gone", PARKED_WITHIN, async || Ok(run.pod().await?.is_none().then_some(()))).await?;
    let open = scene.owner.get(&format!("approvals?run_id={}", run.id)).await?;
    ensure!(open["items"].as_array().is_some_and(|items| items.len() == 1), "{open}");
    Ok(open["items"][0].clone())
}

/// What a run asks when an earlier request of its is over.
pub(crate) async fn asks_next(scene: &Scene, run: &Run<'_>, earlier: &Value) -> Result<Value> {
    let open = until("another request", PARKED_WITHIN, async || {
        let all = scene.owner.get(&format!("approvals?run_id={}", run.id)).await?;
        let open = all["items"].as_array().into_iter().flatten().find(|one| one["state"] == "requested");
        Ok(open.filter(|one| one["id"] != earlier["id"]).cloned())
    });
    Ok(open.await?.0)
}

/// Where a request stands.
pub(crate) async fn stands(scene: &Scene, request: &Value) -> Result<Value> {
    scene.owner.get(&format!("approvals/{}", request["id"].as_str().context("no id")?)).await
}

/// Approves what was asked.
pub(crate) async fn approve(scene: &Scene, request: &Value) -> Result<()> {
    let path = format!("approvals/{}/decision", request["id"].as_str().context("no id")?);
    let given = json!({ "decision": "approve", "digest": request["action"]["digest"] });
    ensure!(scene.owner.post(&path, &given).await?["state"] == "approved", "not approved");
    Ok(())
}

#[tokio::test]
async fn a_question_parks_the_run_and_its_answer_wakes_the_same_session() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Say whom the greeting greets", "scenario: question\n").await?;
        let question = waits(scene, &run).await?;
        ensure!(
            question["question"] == "Whom does the greeting greet?" && question["state"] == "requested",
            "{question}"
        );

        let path = format!("approvals/{}/answer", question["id"].as_str().context("no id")?);
        let answered = scene.owner.post(&path, &json!({ "text": "everybody in the room" })).await?;
        ensure!(answered["state"] == "answered", "{answered}");
        let seen = run.handed_in().await?;
        ensure!(seen["launch"] == 2 && seen["attempts"] == 0, "{seen}");

        let files = scene.world.pull_files(seen["pr_number"].as_u64().context("no pull request")?).await?;
        ensure!(files == ["greeting.md", "thought.md"], "{files:?}");
        let told = scene.stage.asked_of_the_model("everybody in the room").await?;
        let asked = |input: &Value| input.to_string().contains("owner_feedback_request");
        ensure!(told.iter().any(asked), "the session that hears the answer did not ask: {told:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_action_waits_for_leave_and_is_done_before_the_session_goes_on() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Move my labels", "scenario: labels\n").await?;
        let request = waits(scene, &run).await?;
        let moved = json!({ "number": run.issue, "adds": ["area:ui"], "removes": ["triage"] });
        ensure!(request["kind"] == "action" && request["action"]["labels"] == moved, "{request}");
        ensure!(!scene.world.labels(run.issue).await?.contains(&"area:ui".to_owned()), "done without leave");

        approve(scene, &request).await?;
        let seen = run.handed_in().await?;
        ensure!(seen["launch"] == 2 && seen["attempts"] == 0, "{seen}");
        let labels = scene.world.labels(run.issue).await?;
        ensure!(labels.contains(&"area:ui".to_owned()) && !labels.contains(&"state:blocked".to_owned()), "{labels:?}");
        let request = stands(scene, &request).await?;
        ensure!(request["state"] == "applied" && request["settled_at"].is_string(), "{request}");
        Ok(())
    })
    .await
}
