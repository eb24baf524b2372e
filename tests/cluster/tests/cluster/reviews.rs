//! The way from the work to its acceptance: a second role looks, the owner asks for changes, the same session goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Run, Scene, beside, until};
use reqwest::Method;
use serde_json::{Value, json};

/// Until a comment or a label is on GitHub.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Waits until the issue or pull request carries a label, or does not any more.
async fn labelled(scene: &Scene, number: u64, label: &str, is_there: bool) -> Result<()> {
    until(&format!("{label} on #{number}: {is_there}"), TOLD_WITHIN, async || {
        let path = format!("/issues/{number}/labels");
        let labels = scene.world.api("reader", Method::GET, &path, &Value::Null).await?;
        let found = labels.as_array().is_some_and(|labels| labels.iter().any(|one| one["name"] == label));
        Ok((found == is_there).then_some(()))
    })
    .await
    .map(drop)
}

/// What the reviewer says on the pull request.
async fn review_of(scene: &Scene, pull: u64) -> Result<String> {
    let path = format!("/issues/{pull}/comments");
    let found = until("the review's comment", TOLD_WITHIN + Duration::from_secs(120), async || {
        let comments = scene.world.api("reader", Method::GET, &path, &Value::Null).await?;
        let said = comments.as_array().into_iter().flatten().filter_map(|comment| comment["body"].as_str());
        Ok(said.map(str::to_owned).find(|body| body.contains("codex-k8s:review:")))
    });
    Ok(found.await?.0)
}

/// The run that takes this one up again.
pub(crate) async fn taken_up<'a>(scene: &'a Scene, run: &Run<'_>) -> Result<Run<'a>> {
    let path = format!("runs?repository_id={}&limit=50", scene.repository);
    let (found, _) = until("the revise", TOLD_WITHIN, async || {
        let page = scene.owner.get(&path).await?;
        Ok(page["items"].as_array().into_iter().flatten().find(|one| one["resumes"] == run.id).cloned())
    })
    .await?;
    scene.found(&found).await
}

#[tokio::test]
async fn work_is_reviewed_then_revised_in_the_same_session_and_accepted_by_a_merge() -> Result<()> {
    beside(async |scene| {
        scene.set_pre_review(true).await?;
        let run = scene
            .start("Say who the greeting is for", "The greeting takes a name, and the review asks for changes.")
            .await?;
        let seen = run.handed_in().await?;
        let pull = seen["pr_number"].as_u64().context("no pull request")?;
        let said = review_of(scene, pull).await?;
        ensure!(said.contains("The README does not say why."), "{said}");
        for number in [run.issue, pull] {
            labelled(scene, number, "state:in-review", true).await?;
        }

        let asked = json!({ "event": "REQUEST_CHANGES", "body": "Say why, as the reviewer asks." });
        scene.world.api("writer", Method::POST, &format!("/pulls/{pull}/reviews"), &asked).await?;
        let again = taken_up(scene, &run).await?;
        let seen = again.handed_in().await?;
        ensure!(seen["pr_number"] == pull && seen["branch"] == run.view().await?["branch"], "{seen}");
        it_is_the_same_session(scene, &run, &again).await?;
        ensure!(scene.world.pulls().await?.len() == 1, "a second pull request");

        let approved = json!({ "event": "APPROVE", "body": "" });
        review_of(scene, pull).await?;
        labelled(scene, pull, "state:in-review", true).await?;
        scene.world.api("writer", Method::POST, &format!("/pulls/{pull}/reviews"), &approved).await?;
        labelled(scene, pull, "state:approved", true).await?;
        scene.world.api("owner", Method::PUT, &format!("/pulls/{pull}/merge"), &json!({})).await?;
        let (over, _) = until("the acceptance", TOLD_WITHIN, async || {
            Ok(Some(again.view().await?).filter(|run| run["status"] == "succeeded"))
        })
        .await?;
        ensure!(over["finished_at"].is_string(), "{over}");
        Ok(())
    })
    .await
}

/// The agent knows what it did: what the model is asked in the revise begins with the first run's conversation.
async fn it_is_the_same_session(scene: &Scene, first: &Run<'_>, again: &Run<'_>) -> Result<()> {
    let session = async |run: &Run<'_>| -> Result<String> {
        let events = run.events().await?;
        let mut said = events.iter().filter_map(|event| event["text"].as_str()?.strip_prefix("codex session "));
        Ok(said.next_back().context("no session")?.to_owned())
    };
    ensure!(session(first).await? == session(again).await?, "another session");
    let remark = "Say why, as the reviewer asks.";
    let inputs = scene.stage.asked_of_the_model(remark).await?;
    let told = inputs.iter().map(Value::to_string).find(|input| input.contains(remark)).context("no such request")?;
    let order = ["Say who the greeting is for", "I look at the checkout first.", "This run revises your work", remark];
    let places: Vec<_> = order.iter().map(|text| told.find(text)).collect();
    ensure!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {told}");
    Ok(())
}

#[tokio::test]
async fn a_label_that_is_taken_off_before_the_launch_costs_nothing_and_another_model_counts() -> Result<()> {
    beside(async |scene| {
        // The first run has the only places of its role until it is stopped.
        let holding = [scene.start("Hold", "scenario: slow").await?, scene.start("Hold too", "scenario: slow").await?];
        for run in &holding {
            run.working(1).await?;
        }
        let waiting = scene.start("Wait for a place", "The greeting takes a name.").await?;
        let label = |name: &'static str| async move { scene.world.label("writer", waiting.issue, name).await };
        label("[ai-model-gpt-6-sol]").await?;
        label("[ai-reasoning-low]").await?;
        let lost = scene.start("Wait for nothing", "The greeting takes a name.").await?;
        // As if the event got lost: the label goes, and nobody hears of it.
        let path = format!("/issues/{}/labels/run:dev", lost.issue);
        scene.world.api("writer", Method::DELETE, &path, &Value::Null).await?;
        for run in &holding {
            run.cancel().await?;
        }
        let seen = waiting.handed_in().await?;
        ensure!((&seen["model"], &seen["effort"]) == (&json!("gpt-6-sol"), &json!("low")), "{seen}");
        ensure!(waiting.times("run.model_chosen").await? == 1);
        let seen = lost.ended_as("cancelled", "cancelled").await?;
        ensure!(seen["launch"] == 0 && seen["usage"]["calls"] == 0, "{seen}");
        Ok(())
    })
    .await
}
