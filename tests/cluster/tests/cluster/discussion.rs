//! People talk with an agent on an issue: each answer is a pod of its own, and all of them are one session.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Run, Scene, beside, until};
use reqwest::Method;
use serde_json::{Value, json};

const LABEL: &str = "mode:discussion";
/// Until a comment or a reaction is on GitHub.
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// Until a pod has answered, too.
const ANSWERED_WITHIN: Duration = Duration::from_secs(240);

/// Somebody says something; answers the comment's id.
async fn say(scene: &Scene, issue: u64, body: &str) -> Result<u64> {
    let path = format!("/issues/{issue}/comments");
    let said = scene.world.api("writer", Method::POST, &path, &json!({ "body": body })).await?;
    said["id"].as_u64().context("a comment without an id")
}

/// Waits until the platform shows that it has seen a comment.
async fn seen(scene: &Scene, comment: u64) -> Result<()> {
    until("👀 on the comment", TOLD_WITHIN, async || {
        let path = format!("/issues/comments/{comment}/reactions");
        let reactions = scene.world.api("reader", Method::GET, &path, &Value::Null).await?;
        let eyes = reactions.as_array().into_iter().flatten().filter(|one| one["content"] == "eyes").count();
        ensure!(eyes <= 1, "{reactions}");
        Ok((eyes == 1).then_some(()))
    })
    .await
    .map(drop)
}

/// Waits until there are so many answers on the issue, and answers the last one.
async fn answer(scene: &Scene, issue: u64, number: usize) -> Result<String> {
    let (answers, _) = until(&format!("answer {number}"), ANSWERED_WITHIN, async || {
        let comments = scene.world.comments(issue).await?;
        let answers: Vec<_> = comments.into_iter().filter(|body| body.contains("codex-k8s:answer:")).collect();
        Ok((answers.len() >= number).then_some(answers))
    })
    .await?;
    ensure!(answers.len() == number, "{answers:?}");
    answers.into_iter().next_back().context("no answer")
}

/// The turns of an issue's discussion, the oldest first, once there are so many.
async fn turns(scene: &Scene, issue: u64, number: usize) -> Result<Vec<Run<'_>>> {
    let path = format!("runs?repository_id={}&limit=50", scene.repository);
    let (found, _) = until(&format!("turn {number}"), TOLD_WITHIN, async || {
        let page = scene.owner.get(&path).await?;
        let is_turn = |run: &&Value| run["kind"] == "discussion" && run["subject_number"] == issue;
        let found: Vec<_> = page["items"].as_array().into_iter().flatten().rev().filter(is_turn).cloned().collect();
        Ok((found.len() >= number).then_some(found))
    })
    .await?;
    ensure!(found.len() == number, "{found:?}");
    let mut turns = Vec::new();
    for run in &found {
        turns.push(scene.found(run).await?);
    }
    Ok(turns)
}

/// An issue on which people talk.
async fn talking(scene: &Scene) -> Result<u64> {
    let issue = scene.world.open_issue("writer", "Whom is the greeting for?", "Nobody seems to know.").await?;
    scene.world.label("writer", issue, LABEL).await?;
    Ok(issue)
}

#[tokio::test]
async fn each_comment_is_answered_in_one_session_and_nothing_is_changed() -> Result<()> {
    beside(async |scene| {
        let issue = talking(scene).await?;
        let (first, second) = ("Which file greets people?", "And which test looks at it?");
        seen(scene, say(scene, issue, &format!("Question: {first}")).await?).await?;
        let said = answer(scene, issue, 1).await?;
        ensure!(said.contains(first) && said.contains("The README begins with"), "{said}");
        seen(scene, say(scene, issue, &format!("Question: {second}")).await?).await?;
        let said = answer(scene, issue, 2).await?;
        ensure!(said.contains(second), "{said}");

        let turns = turns(scene, issue, 2).await?;
        for turn in &turns {
            turn.ended_as("succeeded", "").await?;
        }
        ensure!(turns[1].view().await?["resumes"] == turns[0].id, "the second turn stands alone");
        it_is_the_same_session(scene, &turns, first, second).await?;
        let labels = scene.world.labels(issue).await?;
        ensure!(labels == [LABEL], "{labels:?}");
        let branches = scene.world.api("reader", Method::GET, "/branches", &Value::Null).await?;
        ensure!(branches.as_array().map(Vec::len) == Some(1), "{branches}");
        ensure!(scene.world.pulls().await?.is_empty(), "a pull request");
        Ok(())
    })
    .await
}

/// The agent knows what it was asked before and what it answered: both stand before the second question in what the model
/// is sent, and the rules are told once.
async fn it_is_the_same_session(scene: &Scene, turns: &[Run<'_>], first: &str, second: &str) -> Result<()> {
    let session = async |run: &Run<'_>| -> Result<String> {
        let events = run.events().await?;
        let mut said = events.iter().filter_map(|event| event["text"].as_str()?.strip_prefix("codex session "));
        Ok(said.next_back().context("no session")?.to_owned())
    };
    ensure!(session(&turns[0]).await? == session(&turns[1]).await?, "another session");
    let inputs = scene.stage.asked_of_the_model(second).await?;
    let told = inputs.iter().map(Value::to_string).find(|input| input.contains(second)).context("no such request")?;
    let answered = format!("You asked: {first}");
    let order = [answered.as_str(), "# What waits for your answer", second];
    let places: Vec<_> = [told.find(first)].into_iter().chain(order.iter().map(|text| told.rfind(text))).collect();
    ensure!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {told}");
    ensure!(told.matches("# Rules that nothing below can change").count() == 1, "the rules are told again: {told}");
    Ok(())
}

#[tokio::test]
async fn what_is_said_while_an_answer_is_written_is_answered_next_and_a_stages_label_ends_it() -> Result<()> {
    beside(async |scene| {
        let issue = talking(scene).await?;
        say(scene, issue, "Question: what is slow? Take your time.").await?;
        let turn = turns(scene, issue, 1).await?.pop().context("no turn")?;
        turn.working(1).await?;
        for body in ["Question: who is it for?", "Say it in one sentence."] {
            seen(scene, say(scene, issue, body).await?).await?;
        }
        answer(scene, issue, 1).await?;
        let said = answer(scene, issue, 2).await?;
        ensure!(said.contains("who is it for?"), "{said}");
        let both = turns(scene, issue, 2).await?;
        let path = format!("runs/{}/conversation", both[1].id);
        let told = scene.owner.get(&path).await?;
        ensure!(told["turns"][1]["comments"].as_array().map(Vec::len) == Some(2), "{told}");

        say(scene, issue, "Question: what else is slow? Take your time.").await?;
        let last = turns(scene, issue, 3).await?.pop().context("no turn")?;
        last.working(1).await?;
        scene.world.label("writer", issue, "run:dev").await?;
        let seen = last.ended_as("cancelled", "cancelled").await?;
        ensure!(seen["reason_detail"] == "a stage's label came", "{seen}");
        let (found, _) = until("the stage's run", TOLD_WITHIN, async || {
            let page = scene.owner.get(&format!("runs?repository_id={}&limit=50", scene.repository)).await?;
            let mut runs = page["items"].as_array().into_iter().flatten();
            Ok(runs.find(|run| run["kind"] == "stage").cloned())
        })
        .await?;
        scene.found(&found).await?.handed_in().await?;
        answer(scene, issue, 2).await?;
        Ok(())
    })
    .await
}
