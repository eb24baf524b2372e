//! An agent looks at its environment: its own namespace, as its own account, and nothing else.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use stories::{Pod, Story};

async fn launched(t: &Story, label: &str) -> Result<Pod> {
    let issue = t.open_issue("The page does not answer").await?;
    t.label("writer", issue, label).await?;
    Pod::launch(t).await
}

async fn tools(pod: &Pod) -> Result<BTreeSet<String>> {
    let listed = pod.mcp("tools/list", &json!({})).await?.ok()?;
    let names = listed["result"]["tools"].as_array().cloned().unwrap_or_default();
    let names = names.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned));
    Ok(names.filter(|name| name.starts_with("k8s_")).collect())
}

/// The audited calls of a run: `tool outcome`.
async fn called(t: &Story, pod: &Pod) -> Result<Vec<String>> {
    let sql = "SELECT data ->> 'tool' || ' ' || (data ->> 'outcome') FROM flow_events
               WHERE run_id = $1 AND kind = 'tool.called' ORDER BY seq";
    Ok(sqlx::query_scalar(sql).bind(pod.lease.run.0).fetch_all(&t.platform.db).await?)
}

#[tokio::test]
async fn an_agent_sees_its_own_namespace() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = launched(&t, "run:dev").await?;
    let listed = pod.tool("k8s_resources_list", &json!({ "kind": "pods", "labels": "app=web" })).await?;
    let expected = json!([{ "Name": "web", "Status": "Running", "labels": { "app": "web" } }]);
    assert_eq!((&listed["status"], &listed["items"]), (&json!("ok"), &expected), "{listed}");

    let shown = pod.tool("k8s_resource_get", &json!({ "kind": "Pod", "name": "web" })).await?;
    let sql = "SELECT namespace FROM agent_runs WHERE id = $1";
    let own: String = sqlx::query_scalar(sql).bind(pod.lease.run.0).fetch_one(&t.platform.db).await?;
    assert_eq!(shown["object"]["metadata"], json!({ "name": "web", "namespace": own }), "{shown}");
    let context = pod.tool("run_context_get", &json!({})).await?;
    assert_eq!(context["environment"], json!({ "namespace": own, "may": ["read", "logs", "exec", "change"] }));

    let log = pod.tool("k8s_pod_logs", &json!({ "pod": "web", "container": "web", "lines": 2 })).await?;
    let printed = log["log"].as_str().unwrap_or_default();
    assert!(printed.starts_with("listening on 8080\n") && !printed.contains("sk-proj-"), "{log}");

    let events = pod.tool("k8s_events", &json!({ "kind": "Pod", "name": "web" })).await?;
    assert_eq!(events["items"][0]["reason"], "Scheduled", "{events}");
    let expected = ["k8s_resources_list", "k8s_resource_get", "run_context_get", "k8s_pod_logs", "k8s_events"];
    assert_eq!(called(&t, &pod).await?, expected.map(|tool| format!("{tool} ok")));
    t.platform.still_runs()
}

#[tokio::test]
async fn what_lies_elsewhere_or_is_secret_is_refused_in_words_and_audited() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = launched(&t, "run:dev").await?;
    let get = |kind: &str, name: &str| json!({ "kind": kind, "name": name });
    let table = [
        (get("Secret", "run-token"), "not_shown", "never shown"),
        (get("Namespace", "codex-k8s"), "not_shown", "the whole cluster"),
        (get("serviceaccounts/token", "agent"), "not_shown", "without a slash"),
        (get("RoleBinding", "agent"), "not_shown", "rights"),
        (get("Widget", "one"), "not_shown", "There are: Pod"),
        (get("Pod", "kube-system/web"), "not_shown", "your run's own namespace"),
        (get("Pod", "../secrets/run-token"), "not_shown", "without a slash"),
        (get("Pod", "Web?x"), "not_shown", "lower-case"),
        (get("Pod", "gone"), "not_found", "no such object"),
        (get("ConfigMap", "large"), "too_large", "too large"),
        (get("Pod", "far"), "cluster_unavailable", "Try again"),
    ];
    let mut audited = Vec::new();
    for (arguments, code, words) in table {
        let answer = pod.tool("k8s_resource_get", &arguments).await?;
        let said = answer["message"].as_str().unwrap_or_default();
        assert!(answer["code"] == code && said.contains(words), "{arguments}: {answer}");
        audited.push(format!("k8s_resource_get {code}"));
    }
    let elsewhere = json!({ "kind": "Pod", "namespace": "kube-system" });
    let answer = pod.tool("k8s_resources_list", &elsewhere).await?;
    assert_eq!((&answer["code"], &answer["fields"][0]["field"]), (&json!("invalid_input"), &json!("/namespace")));
    let beyond = pod.tool("k8s_resources_list", &json!({ "kind": "Deployment" })).await?;
    assert_eq!(beyond["code"], "not_allowed", "{beyond}");
    audited.extend(["invalid_input", "not_allowed"].map(|code| format!("k8s_resources_list {code}")));
    let early = pod.tool("k8s_pod_logs", &json!({ "pod": "starting" })).await?;
    assert!(early["message"].as_str().is_some_and(|words| words.contains("waiting to start")), "{early}");
    audited.push("k8s_pod_logs not_answered".to_owned());
    assert_eq!(called(&t, &pod).await?, audited);
    t.platform.still_runs()
}

#[tokio::test]
async fn who_may_see_what_says_the_policy_and_a_tool_that_is_not_had_is_not_there() -> Result<()> {
    let mut t = Story::begin().await?;
    let all = [
        "k8s_apply",
        "k8s_delete",
        "k8s_events",
        "k8s_exec",
        "k8s_pod_logs",
        "k8s_resource_get",
        "k8s_resources_list",
        "k8s_rollout_restart",
    ];
    let pod = launched(&t, "run:dev").await?;
    assert_eq!(tools(&pod).await?, all.map(str::to_owned).into());

    t.owner.post(&format!("projects/{}/agents", t.project), &policy("full_env", &["read"])).await?;
    assert_eq!(tools(&pod).await?, ["k8s_events", "k8s_resource_get", "k8s_resources_list"].map(str::to_owned).into());
    let missing = |name: &str| json!({ "name": name, "arguments": { "pod": "web" } });
    let hidden = pod.mcp("tools/call", &missing("k8s_pod_logs")).await?;
    let never = pod.mcp("tools/call", &missing("no_such_tool")).await?;
    assert_eq!(hidden.body["error"], never.body["error"]);
    assert_eq!(never.body["error"]["code"], -32602);

    let plan = launched(&t, "run:intake").await?;
    assert_eq!(tools(&plan).await?, BTreeSet::new(), "a run without an environment");
    assert_eq!(plan.tool("run_context_get", &json!({})).await?["environment"], Value::Null);
    let hidden = plan.mcp("tools/call", &json!({ "name": "k8s_events", "arguments": {} })).await?;
    assert_eq!(hidden.body["error"], never.body["error"]);
    assert_eq!(called(&t, &plan).await?, ["run_context_get ok"]);
    t.platform.still_runs()
}

fn policy(mode: &str, rights: &[&str]) -> Value {
    let policy = json!({
        "responsibility": "Writes what a reader needs.", "mode": mode, "rights": rights,
        "parallel_runs": 3, "time_limit_seconds": 1800, "namespace_ttl_seconds": 7200, "tool_modes": {}, "tools_off": [],
    });
    json!({ "name": "dev", "policy": policy, "reason": "We know better here" })
}
