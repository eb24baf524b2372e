//! Who approves what a tool does, and which tools an agent has: said by people in policies, counted call by call.

mod relabelled;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Pod, Story, id_of};
use testkit::console::{Answer, Console};

/// A run of the writer's, and its pod.
async fn working(t: &Story) -> Result<(u64, Pod)> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    Ok((issue, Pod::launch(t).await?))
}

/// The platform's developer, whom no project has replaced.
async fn developer(t: &Story) -> Result<Value> {
    let list = t.owner.get(&format!("projects/{}/agents", t.project)).await?;
    let found = list["items"].as_array().into_iter().flatten().find(|agent| agent["name"] == "dev").cloned();
    found.context("no developer")
}

/// Writes the next version of the developer's policy: as it is, but for this.
async fn change(t: &Story, more: &Value) -> Result<Answer> {
    let agent = developer(t).await?;
    let mut policy = agent["version"]["policy"].clone();
    for (name, value) in more.as_object().into_iter().flatten() {
        policy[name] = value.clone();
    }
    let (path, read) = (format!("agents/{}/policy", id_of(&agent)?), format!("\"{}\"", agent["version"]["number"]));
    let change = json!({ "policy": policy, "reason": "We try it" });
    t.owner.call_with(Method::PUT, &path, &[("if-match", &read)], &change).await
}

pub(crate) async fn project_says(t: &Story, modes: Value) -> Result<Answer> {
    let path = format!("projects/{}", t.project);
    let version = format!("\"{}\"", t.owner.get(&path).await?["version"]);
    t.owner.call_with(Method::PATCH, &path, &[("if-match", &version)], &json!({ "tool_modes": modes })).await
}

pub(crate) async fn puts_on(pod: &Pod, label: &str) -> Result<Value> {
    pod.tool("github_labels_add", &json!({ "labels": [label], "why": "It belongs there." })).await
}

/// The request that an agent's call made, as the person sees it.
pub(crate) async fn seen(who: &Console, told: &Value) -> Result<Value> {
    anyhow::ensure!(told["status"] == "approval_required", "{told}");
    who.get(&format!("approvals/{}", told["request_id"].as_str().context("no request")?)).await
}

pub(crate) async fn approves(who: &Console, request: &Value) -> Result<StatusCode> {
    let given = json!({ "decision": "approve", "digest": request["action"]["digest"] });
    let path = format!("approvals/{}/decision", request["id"].as_str().context("no id")?);
    Ok(who.call(Method::POST, &path, &given).await?.status)
}

/// Who has to approve a request, and who says so.
pub(crate) fn ruling(request: &Value) -> String {
    format!("{} {}", request["action"]["mode"], request["action"]["because"]).replace('"', "")
}

#[tokio::test]
async fn a_tool_that_is_off_is_neither_offered_nor_told_and_answers_like_one_that_there_is_not() -> Result<()> {
    let mut t = Story::begin().await?;
    let off = json!(["github_comment_add", "k8s_events"]);
    let changed = change(&t, &json!({ "tools_off": off })).await?.ok()?;
    let has = |agent: &Value, tool: &str| agent["tools"].as_array().is_some_and(|all| all.contains(&json!(tool)));
    assert!(has(&changed["agent"], "k8s_pod_logs") && !has(&changed["agent"], "k8s_events"), "{changed}");

    let (_, pod) = working(&t).await?;
    let offered = async || -> Result<BTreeSet<String>> {
        let listed = pod.mcp("tools/list", &json!({})).await?.ok()?;
        let tools = listed["result"]["tools"].as_array().cloned().unwrap_or_default();
        Ok(tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect())
    };
    let own: BTreeSet<_> =
        changed["agent"]["tools"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(offered().await?, own.into_iter().map(str::to_owned).collect());
    pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let prompt = t.owner.get(&format!("runs/{}/prompt", pod.lease.run)).await?;
    let prompt = prompt["text"].as_str().context("no prompt")?;
    assert!(prompt.contains("`k8s_pod_logs`") && !prompt.contains("`k8s_events`"), "{prompt}");
    assert!(prompt.contains("`github_labels_add`") && !prompt.contains("`github_comment_add`"), "{prompt}");

    let call = |name: &str| json!({ "name": name, "arguments": { "body": "Hello" } });
    let hidden = pod.mcp("tools/call", &call("github_comment_add")).await?;
    let never = pod.mcp("tools/call", &call("no_such_tool")).await?;
    assert_eq!((hidden.status, &hidden.body["error"]), (never.status, &never.body["error"]));
    assert_eq!(never.body["error"]["code"], -32602);

    // The policy of the moment counts, also for a run that is under way.
    change(&t, &json!({ "tools_off": [] })).await?.ok()?;
    assert!(offered().await?.contains("github_comment_add"));
    assert_eq!(pod.tool("github_comment_add", &json!({ "body": "Hello" })).await?["status"], "ok");
    t.platform.still_runs()
}

#[tokio::test]
async fn the_strictest_of_agent_issue_and_project_says_who_approves() -> Result<()> {
    let mut t = Story::begin().await?;
    let (issue, pod) = working(&t).await?;
    let writer = t.console_of("writer").await?;
    assert_eq!(puts_on(&pod, "state:blocked").await?["status"], "ok", "nobody says anything");

    project_says(&t, json!({ "github_labels_add": "delegated" })).await?.ok()?;
    let delegated = seen(&writer, &puts_on(&pod, "state:in-review").await?).await?;
    assert_eq!((ruling(&delegated).as_str(), &delegated["may_decide"]), ("delegated [project]", &json!(true)));
    assert_eq!(approves(&writer, &delegated).await?, StatusCode::OK);

    project_says(&t, json!({ "github_labels_add": "owner" })).await?.ok()?;
    let owners = seen(&writer, &puts_on(&pod, "need:input").await?).await?;
    assert_eq!((ruling(&owners).as_str(), &owners["may_decide"]), ("owner [project]", &json!(false)));
    assert_eq!(approves(&writer, &owners).await?, StatusCode::FORBIDDEN);
    assert_eq!(approves(&t.owner, &owners).await?, StatusCode::OK);

    // What a label needs by itself no policy takes away.
    project_says(&t, json!({})).await?.ok()?;
    change(&t, &json!({ "tool_modes": { "github_labels_add": "delegated" } })).await?.ok()?;
    let needed = seen(&writer, &puts_on(&pod, "area:ui").await?).await?;
    assert_eq!(ruling(&needed), "owner [call]");

    t.label("writer", issue, "approve:owner").await?;
    let labelled =
        seen(&writer, &pod.tool("github_labels_transition", &json!({ "add": ["need:input"], "remove": [] })).await?)
            .await?;
    assert_eq!(ruling(&labelled), "owner [issue]");
    let kept: Value = sqlx::query_scalar("SELECT ruling FROM approvals WHERE id = $1::uuid")
        .bind(labelled["id"].as_str())
        .fetch_one(&t.platform.db)
        .await?;
    assert_eq!(kept, json!({ "mode": "owner", "because": ["issue"], "said": { "issue": "owner" }, "least": "none" }));
    assert_eq!(
        ruling(&seen(&writer, &json!({ "status": "approval_required", "request_id": delegated["id"] })).await?),
        "delegated [project]"
    );
    t.platform.still_runs()
}

#[tokio::test]
async fn what_is_so_already_asks_nobody_whatever_policies_say() -> Result<()> {
    let mut t = Story::begin().await?;
    project_says(&t, json!({ "github_labels_add": "owner", "github_labels_remove": "owner" })).await?.ok()?;
    let (issue, pod) = working(&t).await?;
    t.label("writer", issue, "bug").await?;
    assert_eq!(puts_on(&pod, "bug").await?["note"], "It is so already.");
    let gone = pod.tool("github_labels_remove", &json!({ "labels": ["not-there"] })).await?;
    assert_eq!(gone["note"], "It is so already.");
    assert_eq!(t.owner.get("approvals").await?["items"], json!([]));
    t.platform.still_runs()
}

#[tokio::test]
async fn policies_about_tools_that_cannot_be_are_refused_with_their_fields() -> Result<()> {
    let mut t = Story::begin().await?;
    let told = |answer: &Answer| -> Vec<String> {
        let fields = answer.body["fields"].as_array().into_iter().flatten();
        fields.map(|f| format!("{} {} {}", f["field"], f["code"], f["what"]).replace('"', "")).collect()
    };
    let wrong = json!({ "github_labels_add": "none", "github_issue_get": "owner", "shell": "owner" });
    let refused = project_says(&t, wrong.clone()).await?;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "tool_modes_refused"));
    let expected = [
        "/tool_modes/github_issue_get tool_never_asks github_issue_get",
        "/tool_modes/github_labels_add mode_below_floor github_labels_add",
        "/tool_modes/shell unknown_tool shell",
    ];
    assert_eq!(told(&refused), expected);
    assert_eq!(project_says(&t, json!({ "github_labels_add": "anybody" })).await?.code(), "invalid_request");

    let refused = change(&t, &json!({ "tool_modes": wrong, "tools_off": ["run_context_get", "shell"] })).await?;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "policy_refused"));
    let off = ["/policy/tools_off/0 tool_always_had run_context_get", "/policy/tools_off/1 unknown_tool shell"];
    let modes = expected.map(|fault| format!("/policy{fault}"));
    assert_eq!(told(&refused), off.map(str::to_owned).into_iter().chain(modes).collect::<Vec<_>>());
    assert_eq!(developer(&t).await?["version"]["number"], 1);

    let reader = t.console_of("reader").await?;
    let path = format!("projects/{}", t.project);
    let late = reader.call_with(Method::PATCH, &path, &[("if-match", "\"1\"")], &json!({ "tool_modes": {} })).await?;
    assert_eq!(late.code(), "not_permitted");
    t.platform.still_runs()
}

#[tokio::test]
async fn who_is_asked_is_not_for_agents_to_say() -> Result<()> {
    let mut t = Story::begin().await?;
    let path = format!("projects/{}", t.project);
    let wanted = json!({ "agent_labels": ["approve:owner"] });
    let refused = t.owner.call_with(Method::PATCH, &path, &[("if-match", "\"1\"")], &wanted).await?;
    assert_eq!(refused.body["fields"][0]["code"], "label_says_who_approves");
    let (issue, pod) = working(&t).await?;
    t.label("writer", issue, "approve:owner").await?;
    for (tool, arguments) in [
        ("github_labels_add", json!({ "labels": ["approve:owner"] })),
        ("github_labels_remove", json!({ "labels": ["Approve:Owner"] })),
        ("github_labels_transition", json!({ "add": [], "remove": ["approve:owner", "bug"] })),
    ] {
        let told = pod.tool(tool, &arguments).await?;
        assert_eq!(told["code"], "labels_not_movable", "{tool} {told}");
    }
    assert!(t.github.labels(issue).await?.contains(&"approve:owner".to_owned()));
    t.platform.still_runs()
}

#[tokio::test]
async fn the_catalogue_says_what_policies_may_say_about_each_tool() -> Result<()> {
    let mut t = Story::begin().await?;
    let catalogue = t.console_of("reader").await?.get("tools").await?;
    let tool =
        |name: &str| catalogue["items"].as_array().into_iter().flatten().find(|tool| tool["name"] == name).cloned();
    let context = tool("run_context_get").context("no tool")?;
    assert_eq!((&context["may_be_off"], &context["leave"]), (&json!(false), &Value::Null));
    let labels = tool("github_labels_add").context("no tool")?;
    assert_eq!(
        (&labels["may_be_off"], &labels["leave"]),
        (&json!(true), &json!({ "usual": "none", "floor": "delegated" }))
    );
    t.platform.still_runs()
}
