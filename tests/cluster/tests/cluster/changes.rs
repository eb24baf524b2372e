//! An agent changes its environment, on a real API server: nothing before a person has approved it, and nothing that was
//! changed by somebody else meanwhile.

use anyhow::{Result, ensure};
use cluster_tests::{Run, Scene, beside};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::approvals::{approve, asks_next, stands, waits};
use crate::tools::{answered, called};

/// Lets the agents of the project ask for changes.
async fn let_ask(scene: &Scene) -> Result<()> {
    let policy = json!({
        "mode": "full_env", "rights": ["read", "logs", "exec", "change"], "parallel_runs": 2,
        "time_limit_seconds": 1800, "namespace_ttl_seconds": 7200, "tool_modes": {}, "tools_off": [],
    });
    let agent = json!({ "name": "dev", "policy": policy, "reason": "Agents may ask for changes here" });
    scene.owner.post(&format!("projects/{}/agents", scene.project), &agent).await?;
    Ok(())
}

/// Tools and outcomes of the calls that were not answered `ok`.
async fn refused(run: &Run<'_>) -> Result<Vec<String>> {
    let timeline = run.timeline().await?;
    let calls = timeline.iter().filter(|entry| entry["kind"] == "tool.called" && entry["data"]["outcome"] != "ok");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(calls.map(|call| format!("{} {}", word(&call["data"]["tool"]), word(&call["data"]["outcome"]))).collect())
}

#[tokio::test]
async fn a_change_waits_for_leave_is_stale_when_somebody_was_first_and_is_done_as_approved() -> Result<()> {
    beside(async |scene| {
        let_ask(scene).await?;
        let run = scene.start("Make the page red", "scenario: changes\n").await?;
        let request = waits(scene, &run).await?;
        let object = &request["action"]["object"];
        ensure!(object["is_new"] == true && object["namespace"] == run.namespace.as_str(), "{request}");
        ensure!(object["diff"].as_str().is_some_and(|diff| diff.contains("+  color: red")), "{request}");
        let never = [
            "k8s_apply not_changeable",
            "k8s_apply not_changeable",
            "k8s_delete not_changeable",
            "k8s_exec not_entered",
            "k8s_rollout_restart not_found",
        ];
        ensure!(refused(&run).await? == never, "{:?}", refused(&run).await?);

        let settings = scene.stage.cluster.api::<ConfigMap>(&run.namespace);
        ensure!(settings.get_opt("settings").await?.is_none(), "made without leave");
        let first = json!({ "metadata": { "name": "settings" }, "data": { "size": "large" } });
        settings.create(&PostParams::default(), &serde_json::from_value(first)?).await?;
        approve(scene, &request).await?;

        let anew = asks_next(scene, &run, &request).await?;
        ensure!(stands(scene, &request).await?["state"] == "stale", "the earlier request is not stale");
        let diff = anew["action"]["object"]["diff"].as_str().unwrap_or_default();
        ensure!(diff.contains("+  color: red") && diff.contains("   size: large"), "{anew}");
        approve(scene, &anew).await?;
        let seen = run.handed_in().await?;
        ensure!(seen["attempts"] == 0, "{seen}");
        let data = settings.get("settings").await?.data.unwrap_or_default();
        ensure!(data.get("color").is_some_and(|color| color == "red") && data.len() == 2, "{data:?}");
        let request = stands(scene, &anew).await?;
        ensure!(request["state"] == "applied", "{request}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_agent_enters_a_pod_that_people_let_it_have_and_reads_what_its_command_prints() -> Result<()> {
    beside(async |scene| {
        let_ask(scene).await?;
        let image = scene.stage.cluster.agent_image().await?;
        let run =
            scene.start("Try the page in a pod of its own", &format!("scenario: enter\n\nimage: {image}\n")).await?;
        let request = waits(scene, &run).await?;
        let object = &request["action"]["object"];
        ensure!(object["kind"] == "StatefulSet" && object["is_new"] == true, "{request}");
        let pods = scene.stage.cluster.api::<Pod>(&run.namespace);
        ensure!(pods.get_opt("web-0").await?.is_none(), "made without leave");
        approve(scene, &request).await?;

        let seen = run.handed_in().await?;
        ensure!(seen["launch"] == 2 && seen["attempts"] == 0, "{seen}");
        ensure!(stands(scene, &request).await?["state"] == "applied", "it is not done");
        let calls = called(&run).await?;
        // Until its pod runs, there is nothing to enter.
        let entered = calls.iter().rev().find(|(tool, _)| tool == "k8s_exec");
        ensure!(entered.is_some_and(|(_, outcome)| outcome == "ok"), "{calls:?}");
        ensure!(answered(&scene.stage, "42 inside").await?, "the model was not told what the command printed");
        Ok(())
    })
    .await
}
