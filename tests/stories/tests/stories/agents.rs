//! Agents of a project: who acts there, and policies that are written, taken back and explained.

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use stories::{Pod, Story, id_of};
use testkit::console::{Answer, Console};

fn policy(more: &Value) -> Value {
    let mut policy = json!({
        "responsibility": "Writes what a reader needs.", "mode": "full_env", "rights": ["read", "logs"],
        "parallel_runs": 3, "time_limit_seconds": 1800, "namespace_ttl_seconds": 7200, "tool_modes": {}, "tools_off": [],
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        policy[name] = value.clone();
    }
    policy
}

async fn add(t: &Story, by: &Console, name: &str, policy: Value) -> Result<Answer> {
    let new = json!({ "name": name, "policy": policy, "reason": "We know better here" });
    by.call(Method::POST, &format!("projects/{}/agents", t.project), &new).await
}

async fn agents(t: &Story, by: &Console) -> Result<Vec<Value>> {
    let list = by.get(&format!("projects/{}/agents", t.project)).await?;
    Ok(list["items"].as_array().context("no agents")?.clone())
}

fn named<'a>(all: &'a [Value], name: &str) -> Result<&'a Value> {
    all.iter().find(|one| one["name"] == name).with_context(|| format!("no {name}"))
}

async fn change(by: &Console, agent: &Value, read: i64, policy: Value) -> Result<Answer> {
    let (path, read) = (format!("agents/{}/policy", id_of(agent)?), format!("\"{read}\""));
    let change = json!({ "policy": policy, "reason": "It took too long" });
    by.call_with(Method::PUT, &path, &[("if-match", &read)], &change).await
}

async fn roll_back(by: &Console, agent: &Value, read: i64, number: i32) -> Result<Answer> {
    let (path, read) = (format!("agents/{}/roll-back", id_of(agent)?), format!("\"{read}\""));
    let back = json!({ "number": number, "reason": "That was better" });
    by.call_with(Method::POST, &path, &[("if-match", &read)], &back).await
}

/// How long the run that waits may take.
async fn limit_of_a_run(t: &Story) -> Result<i32> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(t).await?;
    let sql = "SELECT time_limit_seconds FROM agent_runs WHERE id = $1";
    Ok(sqlx::query_scalar(sql).bind(pod.lease.run.0).fetch_one(&t.platform.db).await?)
}

#[tokio::test]
async fn a_project_has_an_agent_of_its_own_in_the_place_of_a_role() -> Result<()> {
    let mut t = Story::begin().await?;
    let before = agents(&t, &t.owner).await?;
    assert_eq!(before.len(), 8);
    assert!(before.iter().all(|one| one["is_role"] == json!(true) && one["project_id"].is_null()));
    let ours = add(&t, &t.owner, "dev", policy(&json!({}))).await?.ok()?;
    assert_eq!(add(&t, &t.owner, "dev", policy(&json!({}))).await?.code(), "agent_exists");
    let all = agents(&t, &t.owner).await?;
    assert_eq!((all.len(), &named(&all, "dev")?["id"]), (8, &ours["agent"]["id"]));
    assert_eq!(limit_of_a_run(&t).await?, 1800);

    let changed = change(&t.owner, &ours["agent"], 1, policy(&json!({ "time_limit_seconds": 900 }))).await?.ok()?;
    assert_eq!(changed["agent"]["version"]["number"], 2);
    assert_eq!(limit_of_a_run(&t).await?, 900);
    assert_eq!(change(&t.owner, &ours["agent"], 1, policy(&json!({}))).await?.code(), "version_changed");
    assert_eq!(roll_back(&t.owner, &ours["agent"], 2, 2).await?.code(), "no_earlier_version");
    let back = roll_back(&t.owner, &ours["agent"], 2, 1).await?.ok()?;
    let versions = back["versions"].as_array().context("no versions")?;
    let owner = &t.github.person("owner")?.login;
    let told: Vec<_> = versions
        .iter()
        .map(|v| {
            format!("{} {} {}", v["number"], v["policy"]["time_limit_seconds"], v["reason"].as_str().unwrap_or(""))
        })
        .collect();
    assert_eq!(told, ["3 1800 That was better", "2 900 It took too long", "1 1800 We know better here"]);
    assert!(versions.iter().all(|version| version["author"] == json!(owner)));
    assert_eq!(limit_of_a_run(&t).await?, 1800);

    let path = format!("agents/{}", id_of(&ours["agent"])?);
    assert_eq!(t.owner.call(Method::DELETE, &path, &Value::Null).await?.status.as_u16(), 204);
    assert_eq!(agents(&t, &t.owner).await?, before);
    let sql = "SELECT kind FROM flow_events WHERE run_id IS NULL AND kind LIKE 'agent.%' ORDER BY at, id";
    let audit: Vec<String> = sqlx::query_scalar(sql).fetch_all(&t.platform.db).await?;
    assert_eq!(audit, ["agent.added", "agent.changed", "agent.rolled_back", "agent.removed"]);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_policy_that_would_not_work_is_refused_with_its_fields_and_remedies() -> Result<()> {
    let mut t = Story::begin().await?;
    let wrong = policy(&json!({ "mode": "code_only", "rights": ["exec", "exec"], "namespace_ttl_seconds": 60 }));
    let refused = add(&t, &t.owner, "translator", wrong).await?;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "policy_refused"));
    let fields = refused.body["fields"].as_array().context("no fields")?;
    let named: Vec<_> = fields.iter().map(|f| format!("{} {}", f["field"], f["code"]).replace('"', "")).collect();
    let expected = [
        "/policy/rights rights_need_environment",
        "/policy/rights right_twice",
        "/policy/namespace_ttl_seconds namespace_ends_before_run",
    ];
    assert_eq!(named, expected);
    assert!(fields.iter().all(|field| field["message"].as_str().is_some_and(|remedy| remedy.len() > 20)));
    for (name, more) in
        [("Not a name", json!({})), ("ok", json!({ "parallel_runs": 0 })), ("ok", json!({ "mode": "root" }))]
    {
        assert_eq!(add(&t, &t.owner, name, policy(&more)).await?.code(), "invalid_request", "{name} {more}");
    }
    assert_eq!(agents(&t, &t.owner).await?.len(), 8);
    t.platform.still_runs()
}

#[tokio::test]
async fn who_may_look_at_agents_may_not_write_them() -> Result<()> {
    let mut t = Story::begin().await?;
    let ours = add(&t, &t.owner, "translator", policy(&json!({}))).await?.ok()?;
    assert_eq!(ours["agent"]["is_role"], json!(false));
    let writer = t.console_of("writer").await?;
    let all = agents(&t, &writer).await?;
    let (own, role) = (named(&all, "translator")?, named(&all, "dev")?);
    assert_eq!(add(&t, &writer, "poet", policy(&json!({}))).await?.code(), "not_permitted");
    for agent in [own, role] {
        let path = format!("agents/{}", id_of(agent)?);
        assert_eq!(writer.get(&path).await?["may_edit"], json!(false));
        assert_eq!(change(&writer, agent, 1, policy(&json!({}))).await?.code(), "not_permitted");
        assert_eq!(roll_back(&writer, agent, 1, 1).await?.code(), "not_permitted");
        assert_eq!(writer.call(Method::DELETE, &path, &Value::Null).await?.code(), "not_permitted");
    }
    let path = format!("agents/{}", id_of(role)?);
    assert_eq!(t.owner.call(Method::DELETE, &path, &Value::Null).await?.code(), "platform_role");
    change(&t.owner, role, 1, policy(&json!({ "parallel_runs": 5 }))).await?.ok()?;

    t.add_user("stranger").await?;
    let stranger = t.console_of("stranger").await?;
    let path = format!("agents/{}", id_of(own)?);
    assert_eq!(stranger.call(Method::GET, &path, &Value::Null).await?.status.as_u16(), 404);
    assert_eq!(change(&stranger, own, 1, policy(&json!({}))).await?.status.as_u16(), 404);
    assert_eq!(stranger.get(&format!("agents/{}", id_of(role)?)).await?["may_edit"], json!(false));
    t.platform.still_runs()
}
