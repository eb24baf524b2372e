//! People asked through a service of others that stands in the cluster: the worker's pod reaches it, the real codex's run
//! waits without a pod, and what is called back at the integrations listener wakes the same session.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Chat, Run, Scene, beside, chatting};
use serde_json::{Value, json};

use crate::approvals::{stands, waits};

/// From a label to what the other side is asked: namespace, pod, clone and the agent's first steps lie between.
const ASKED_WITHIN: Duration = Duration::from_secs(150);
const NAME: &str = "Team chat";

/// Has the project's people asked there.
async fn connect(scene: &Scene, chat: &Chat, kind: &str) -> Result<()> {
    let channel = json!({ "kind": kind, "name": NAME, "url": chat.url() });
    scene.owner.post(&format!("projects/{}/channels", scene.project), &channel).await?;
    Ok(())
}

/// The other side is asked, takes it, and the run waits; what it was asked, and the request as the console shows it.
async fn asked(scene: &Scene, chat: &Chat, run: &Run<'_>) -> Result<(Value, Value)> {
    let asked = chat.service.asked_within(1, ASKED_WITHIN).await?;
    let request = waits(scene, run).await?;
    let shown = stands(scene, &request).await?;
    let channel = &shown["channels"][0];
    ensure!(channel["name"] == NAME && channel["state"] == "asked", "{shown}");
    ensure!(chat.service.asked().len() == 1, "it was asked {} times", chat.service.asked().len());
    Ok((asked, request))
}

#[tokio::test]
async fn leave_that_is_given_in_a_chat_has_the_action_done_and_the_session_go_on() -> Result<()> {
    beside(async |scene| chatting(&scene.stage.cluster, async |chat| leave_is_given(scene, chat).await).await).await
}

async fn leave_is_given(scene: &Scene, chat: &Chat) -> Result<()> {
    connect(scene, chat, "approver").await?;
    let run = scene.start("Move my labels", "scenario: labels\n").await?;
    let (asked, request) = asked(scene, chat, &run).await?;
    let says = |name: &str, words: &str| asked[name].as_str().is_some_and(|text| text.contains(words));
    ensure!(asked["tool"] == "github_labels_transition" && asked["arguments"] == json!({}), "{asked}");
    ensure!(says("approval_request", "area:ui") && says("justification", "It is about what people see."), "{asked}");
    ensure!(!scene.world.labels(run.issue).await?.contains(&"area:ui".to_owned()), "done without leave");

    let approve = json!({ "decision": "approve", "reason": "approved" });
    let heard = chat.calls_back(&asked, &approve).await?;
    ensure!(heard["status"] == "ok", "{heard}");
    let seen = run.handed_in().await?;
    ensure!(seen["launch"] == 2 && seen["attempts"] == 0, "{seen}");
    ensure!(scene.world.labels(run.issue).await?.contains(&"area:ui".to_owned()), "not done");
    let request = stands(scene, &request).await?;
    ensure!(request["state"] == "applied" && request["decided_through"] == NAME, "{request}");
    ensure!(request["decided_by"].is_null() && request["channels"][0]["state"] == "answered", "{request}");
    ensure!(run.times("request.applied").await? == 1, "it was told more than once that it is done");

    let heard = chat.calls_back(&asked, &json!({ "decision": "deny", "reason": "Too late." })).await?;
    ensure!(heard["status"] == "already resolved", "{heard}");
    let told = scene.stage.asked_of_the_model(NAME).await?;
    ensure!(told.iter().any(|input| input.to_string().contains("github_labels_transition")), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_given_in_a_chat_wakes_the_session_that_asked() -> Result<()> {
    beside(async |scene| chatting(&scene.stage.cluster, async |chat| an_answer_is_given(scene, chat).await).await).await
}

async fn an_answer_is_given(scene: &Scene, chat: &Chat) -> Result<()> {
    connect(scene, chat, "executor").await?;
    let run = scene.start("Say whom the greeting greets", "scenario: question\n").await?;
    let (asked, request) = asked(scene, chat, &run).await?;
    let wanted = &asked["arguments"];
    ensure!(asked["tool"]["name"] == "telegram_request_feedback", "{asked}");
    ensure!(wanted["options"] == json!(["the world", "the reader"]) && wanted["allow_custom"] == true, "{asked}");

    let words = "the people of this chat";
    let result = json!({
        "question": wanted["question"], "selected_option": words, "selected_index": null, "custom": true,
        "input_mode": "text",
    });
    let heard = chat.calls_back(&asked, &json!({ "status": "success", "result": result })).await?;
    ensure!(heard["status"] == "ok", "{heard}");
    let seen = run.handed_in().await?;
    ensure!(seen["launch"] == 2 && seen["attempts"] == 0, "{seen}");
    let request = stands(scene, &request).await?;
    ensure!(request["state"] == "answered" && request["answer"] == json!({ "text": words }), "{request}");
    ensure!(request["decided_through"] == NAME, "{request}");

    let files = scene.world.pull_files(seen["pr_number"].as_u64().context("no pull request")?).await?;
    ensure!(files == ["greeting.md", "thought.md"], "{files:?}");
    let told = scene.stage.asked_of_the_model(words).await?;
    let asked = |input: &Value| input.to_string().contains("owner_feedback_request");
    ensure!(told.iter().any(asked), "the session that hears the answer did not ask: {told:?}");
    Ok(())
}
