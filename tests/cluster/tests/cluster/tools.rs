//! The platform's tools, called by the real codex in a real pod.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Run, Stage, beside, until};
use domain::tools::Tool;
use serde_json::Value;

/// The audited calls of a run: tool and outcome.
pub(crate) async fn called(run: &Run<'_>) -> Result<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let timeline = run.timeline().await?;
    let calls = timeline.iter().filter(|entry| entry["kind"] == "tool.called");
    Ok(calls.map(|call| (text(&call["data"]["tool"]), text(&call["data"]["outcome"]))).collect())
}

/// What the model was told that a call came to.
pub(crate) async fn answered(stage: &Stage, contains: &str) -> Result<bool> {
    let asked = stage.asked_of_the_model(contains).await?;
    Ok(asked.iter().any(|input| {
        let outputs = input
            .as_array()
            .into_iter()
            .flatten()
            .filter(|item| item["output"].is_string() || item["output"].is_array());
        outputs.into_iter().any(|item| item.to_string().contains(contains))
    }))
}

#[tokio::test]
async fn the_agent_calls_each_tool_and_hears_the_answer() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Look around", "scenario: tools\n").await?;
        run.handed_in().await?;
        let calls = called(&run).await?;
        // What asks people is tried where runs wait for them, what looks at an environment below.
        let elsewhere = |tool: Tool| tool == Tool::OwnerFeedbackRequest || tool.as_str().starts_with("k8s_");
        for tool in Tool::ALL.iter().filter(|&&tool| !elsewhere(tool)) {
            let expected = match *tool {
                Tool::GithubPullRequestGet => "no_pull_request",
                // The project has none yet.
                Tool::SecretSync | Tool::DatabaseLifecycle => "no_such_environment",
                _ => "ok",
            };
            let call = calls.iter().find(|(name, _)| name == tool.as_str());
            ensure!(call.is_some_and(|(_, outcome)| outcome == expected), "{tool}: {calls:?}");
        }
        let seen = run.view().await?;
        let branch = seen["branch"].as_str().context("no branch")?;
        ensure!(answered(&scene.stage, branch).await?, "the model heard no answer");
        until("the agent's comment", Duration::from_secs(60), async || {
            let comments = scene.world.comments(run.issue).await?;
            Ok(comments.iter().any(|text| text.contains("I have looked around.")).then_some(()))
        })
        .await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_agent_looks_at_its_own_namespace_and_at_nothing_else() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Look at your environment", "scenario: environment\n").await?;
        run.handed_in().await?;
        let calls = called(&run).await?;
        let expected = [
            ("k8s_resource_get", "ok"),
            ("k8s_resources_list", "ok"),
            ("k8s_events", "ok"),
            ("k8s_pod_logs", "ok"),
            ("k8s_resources_list", "not_shown"),
            ("k8s_resources_list", "not_shown"),
            ("k8s_resource_get", "not_shown"),
            ("k8s_resource_get", "not_found"),
            ("k8s_resources_list", "invalid_input"),
        ];
        let calls: Vec<_> = calls.iter().map(|(tool, outcome)| (tool.as_str(), outcome.as_str())).collect();
        ensure!(calls == expected, "{calls:?}");
        // Its own pod with its namespace, its Job's event, and why it sees no Secret.
        for words in [run.namespace.as_str(), "SuccessfulCreate", "Secrets are never shown"] {
            ensure!(answered(&scene.stage, words).await?, "the model was not told {words:?}");
        }
        Ok(())
    })
    .await
}
