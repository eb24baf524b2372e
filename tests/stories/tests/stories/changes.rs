//! An agent changes its environment: what would become of an object is tried first, people approve exactly that, and it is
//! done once, unless the object has changed meanwhile.

use std::time::Duration;

use anyhow::{Context, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::approvals::apply;
use stories::{Pod, Story, until};

async fn launched(t: &Story) -> Result<(Pod, String)> {
    let issue = t.open_issue("The page is blue").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(t).await?;
    let sql = "SELECT namespace FROM agent_runs WHERE id = $1";
    let namespace = sqlx::query_scalar(sql).bind(pod.lease.run.0).fetch_one(&t.platform.db).await?;
    Ok((pod, namespace))
}

fn settings(color: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": { "color": color },
    })
}

fn colored(color: &str) -> Value {
    json!({ "manifest": settings(color).to_string(), "why": "The issue asks for it." })
}

/// The request that a call has made, as people see it.
async fn asked(t: &Story, pod: &Pod, tool: &str, arguments: &Value) -> Result<Value> {
    let told = pod.tool(tool, arguments).await?;
    anyhow::ensure!(told["status"] == "approval_required", "{told}");
    seen(t, &told["request_id"]).await
}

async fn seen(t: &Story, id: &Value) -> Result<Value> {
    t.owner.get(&format!("approvals/{}", id.as_str().context("no request")?)).await
}

async fn approve(t: &Story, who: &str, request: &Value) -> Result<StatusCode> {
    let path = format!("approvals/{}/decision", request["id"].as_str().context("no id")?);
    let given = json!({ "decision": "approve", "digest": request["action"]["digest"] });
    Ok(t.console_of(who).await?.call(Method::POST, &path, &given).await?.status)
}

/// What became of a request, once the worker has done with it.
async fn settled(t: &Story, request: &Value) -> Result<Value> {
    let is_open = |now: &Value| ["requested", "approved", "applying"].iter().any(|state| now["state"] == *state);
    until("the end of a change", async || Ok(!is_open(&seen(t, &request["id"]).await?))).await?;
    seen(t, &request["id"]).await
}

#[tokio::test]
async fn what_is_approved_is_what_was_tried_and_it_is_done() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, namespace) = launched(&t).await?;
    t.platform.add_worker()?;
    let new = asked(&t, &pod, "k8s_apply", &colored("blue")).await?;
    let action = &new["action"];
    assert_eq!(
        (&action["does"], &action["mode"], &action["risk"]),
        (&json!("object"), &json!("delegated"), &json!("low"))
    );
    assert_eq!(action["object"]["is_new"], true, "{new}");
    assert!(action["object"]["diff"].as_str().is_some_and(|diff| diff.contains("+  color: blue\n")), "{new}");
    assert_eq!(t.platform.environment.get(&namespace, "configmaps/settings"), None, "it was only tried");
    assert_eq!(approve(&t, "reader", &new).await?, StatusCode::FORBIDDEN);
    assert_eq!(approve(&t, "writer", &new).await?, StatusCode::OK, "who may start runs may let them change this");
    assert_eq!(settled(&t, &new).await?["state"], "applied");
    let there = t.platform.environment.get(&namespace, "configmaps/settings").context("nothing was made")?;
    assert_eq!(there["data"], json!({ "color": "blue" }));

    let so_already = pod.tool("k8s_apply", &colored("blue")).await?;
    assert_eq!((&so_already["status"], &so_already["note"]), (&json!("ok"), &json!("It is so already.")));

    let changed = asked(&t, &pod, "k8s_apply", &colored("red")).await?;
    let object = &changed["action"]["object"];
    assert_eq!((&object["uid"], &changed["action"]["risk"]), (&there["metadata"]["uid"], &json!("medium")));
    assert!(object["diff"].as_str().is_some_and(|diff| diff.contains("-  color: blue\n+  color: red\n")), "{object}");
    let gone = asked(&t, &pod, "k8s_delete", &json!({ "kind": "ConfigMap", "name": "settings" })).await?;
    assert_eq!(gone["action"]["risk"], "high");
    approve(&t, "writer", &gone).await?;
    assert_eq!(settled(&t, &gone).await?["state"], "applied");
    assert_eq!(t.platform.environment.get(&namespace, "configmaps/settings"), None);
    approve(&t, "writer", &changed).await?;
    assert_eq!(settled(&t, &changed).await?["state"], "stale", "what it was about is gone");
    assert_eq!(store::flow::first_break(&t.platform.db, pod.lease.run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn what_went_back_to_what_it_was_is_another_request() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, namespace) = launched(&t).await?;
    t.platform.add_worker()?;
    let there = || t.platform.environment.get(&namespace, "configmaps/settings").is_some();
    let (blue, gone) = (colored("blue"), json!({ "kind": "ConfigMap", "name": "settings" }));
    let first = asked(&t, &pod, "k8s_apply", &blue).await?;
    approve(&t, "writer", &first).await?;
    settled(&t, &first).await?;
    let delete = asked(&t, &pod, "k8s_delete", &gone).await?;
    approve(&t, "writer", &delete).await?;
    settled(&t, &delete).await?;

    let late = pod.tool("k8s_apply", &blue).await?;
    assert_eq!((&late["status"], &late["request_id"]), (&json!("ok"), &first["id"]), "it was not told of this yet");
    assert!(late["note"].as_str().is_some_and(|note| note.contains("call again to ask anew")), "{late}");
    let anew = asked(&t, &pod, "k8s_apply", &blue).await?;
    assert!(anew["id"] != first["id"] && anew["action"]["digest"] == first["action"]["digest"] && !there(), "{anew}");
    assert_eq!(asked(&t, &pod, "k8s_apply", &blue).await?["id"], anew["id"], "it is open: the same one");
    approve(&t, "writer", &anew).await?;
    assert_eq!(settled(&t, &anew).await?["state"], "applied");
    assert!(there());
    let calls = "SELECT count(*) FROM flow_events WHERE run_id = $1 AND kind IN ('tool.called', 'request.made')";
    let calls: i64 = sqlx::query_scalar(calls).bind(pod.lease.run.0).fetch_one(&t.platform.db).await?;
    assert_eq!(calls, 5, "each call is in the audit, once");
    t.platform.still_runs()
}

#[tokio::test]
async fn the_first_change_in_a_namespace_waits_until_a_worker_has_made_the_accounts_for_it() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, namespace) = launched(&t).await?;
    let kubernetes = t.platform.environment.clone();
    kubernetes.leave_untouched(&namespace);
    let needed = ["serviceaccounts/agent-tries", "serviceaccounts/agent-changes", "rolebindings/codex-k8s-run-change"];
    let there = || needed.map(|place| kubernetes.get(&namespace, place).is_some());
    assert_eq!(there(), [false; 3]);
    t.platform.add_worker()?;
    let new = asked(&t, &pod, "k8s_apply", &colored("blue")).await?;
    assert_eq!(there(), [true; 3]);
    let binding = kubernetes.get(&namespace, needed[2]).context("no binding")?;
    assert_eq!(binding["metadata"]["labels"]["codex-k8s.dev/run-id"], json!(pod.lease.run.to_string()));
    let wished: i64 = sqlx::query_scalar("SELECT count(*) FROM change_accounts").fetch_one(&t.platform.db).await?;
    assert_eq!(wished, 0);
    approve(&t, "writer", &new).await?;
    assert_eq!(settled(&t, &new).await?["state"], "applied");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_somebody_changes_in_between_is_asked_anew_and_what_only_moves_its_state_is_not() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, namespace) = launched(&t).await?;
    t.platform.add_worker()?;
    let web = |image: &str, ready: i32| {
        json!({
            "metadata": { "name": "web", "uid": "u-1" }, "spec": { "image": image }, "status": { "readyReplicas": ready },
        })
    };
    t.platform.environment.put(&namespace, "deployments/web", web("web:1", 0));
    let restart = json!({ "kind": "Deployment", "name": "web" });
    let first = asked(&t, &pod, "k8s_rollout_restart", &restart).await?;
    assert_eq!((&first["action"]["object"]["diff"], &first["action"]["risk"]), (&json!(""), &json!("low")));
    t.platform.environment.put(&namespace, "deployments/web", web("web:2", 0));
    approve(&t, "writer", &first).await?;
    assert_eq!(settled(&t, &first).await?["state"], "stale");

    let anew = asked(&t, &pod, "k8s_rollout_restart", &restart).await?;
    assert_ne!(anew["action"]["digest"], first["action"]["digest"]);
    t.platform.environment.put(&namespace, "deployments/web", web("web:2", 1));
    approve(&t, "writer", &anew).await?;
    assert_eq!(settled(&t, &anew).await?["state"], "applied");
    let there = t.platform.environment.get(&namespace, "deployments/web").context("it is gone")?;
    let marked = &there["spec"]["template"]["metadata"]["annotations"]["codex-k8s.dev/restarted-by"];
    assert_eq!((marked, &there["status"]["readyReplicas"]), (&anew["id"], &json!(1)));
    t.platform.still_runs()
}

/// A worker begins two approved changes and dies; its leases are over.
async fn dies(t: &Story) -> Result<()> {
    for _ in 0..2 {
        let claimed = apply::claim(&t.platform.db, "story", Duration::from_secs(600)).await?;
        let claimed = claimed.context("nothing is to be done")?;
        anyhow::ensure!(apply::begin(&t.platform.db, &claimed).await?, "the lease is lost");
    }
    sqlx::query("UPDATE approvals SET lease_expires_at = app_now()").execute(&t.platform.db).await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_dies_after_its_touch_is_followed_by_one_that_ends_in_the_same_state() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, namespace) = launched(&t).await?;
    t.platform.environment.put(&namespace, "configmaps/old", json!({ "metadata": { "name": "old", "uid": "u-1" } }));
    let made = asked(&t, &pod, "k8s_apply", &colored("blue")).await?;
    let gone = asked(&t, &pod, "k8s_delete", &json!({ "kind": "ConfigMap", "name": "old" })).await?;
    for request in [&made, &gone] {
        approve(&t, "writer", request).await?;
    }
    dies(&t).await?;
    t.platform.environment.put(&namespace, "configmaps/settings", settings("blue"));
    t.platform.environment.take(&namespace, "configmaps/old");
    let touched = t.platform.environment.get(&namespace, "configmaps/settings");
    t.platform.add_worker()?;
    for request in [&made, &gone] {
        assert_eq!(settled(&t, request).await?["state"], "applied");
    }
    assert_eq!(t.platform.environment.get(&namespace, "configmaps/settings"), touched, "twice is once");
    assert_eq!(t.platform.environment.get(&namespace, "configmaps/old"), None);
    t.platform.still_runs()
}

#[tokio::test]
async fn people_see_what_is_hidden_in_what_is_there_and_in_why() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, namespace) = launched(&t).await?;
    let mut there = settings("re\u{2066}d");
    there["data"]["note"] = json!("a\u{200B}b");
    t.platform.environment.put(&namespace, "configmaps/settings", there);
    let arguments = json!({ "manifest": settings("blue").to_string(), "why": "The issue \u{202E}asks for it." });
    let action = &asked(&t, &pod, "k8s_apply", &arguments).await?["action"];
    assert_eq!(action["why"], "The issue ⟪U+202E⟫asks for it.");
    let diff = action["object"]["diff"].as_str().context("no difference")?;
    assert!(diff.contains("color: blue") && !diff.contains(['\u{2066}', '\u{200B}']), "{diff}");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_agents_never_change_is_refused_in_words_and_audited() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, namespace) = launched(&t).await?;
    let platforms = json!({ "metadata": { "name": "core", "labels": { "app.kubernetes.io/part-of": "codex-k8s" } } });
    t.platform.environment.put(&namespace, "configmaps/core", platforms);
    let manifest = |change: fn(&mut Value)| {
        let mut manifest = settings("blue");
        change(&mut manifest);
        json!({ "manifest": manifest.to_string() })
    };
    let object = |kind: &str, name: &str| json!({ "kind": kind, "name": name });
    let key = |it: &mut Value| it["data"]["key"] = json!(format!("sk-proj-{}", "a1B2".repeat(12)));
    let named = |it: &mut Value| it["data"][format!("sk-proj-{}", "a1B2".repeat(12))] = json!("a key");
    let replicated = |it: &mut Value| it["metadata"]["annotations"] = json!({ "replicator.example/to": "all" });
    let table = [
        ("k8s_apply", manifest(|it| it["kind"] = json!("Secret")), "not_changeable", "neither Secrets"),
        ("k8s_apply", manifest(|it| it["kind"] = json!("ClusterRole")), "not_changeable", "rights"),
        ("k8s_apply", manifest(|it| it["kind"] = json!("Namespace")), "not_changeable", "no other kind"),
        (
            "k8s_apply",
            manifest(|it| it["metadata"]["namespace"] = json!("kube-system")),
            "not_changeable",
            "own namespace",
        ),
        ("k8s_apply", manifest(|it| it["metadata"]["name"] = json!("core")), "not_changeable", "the platform's"),
        ("k8s_apply", manifest(key), "not_changeable", "credential"),
        ("k8s_apply", manifest(named), "not_changeable", "credential"),
        ("k8s_apply", manifest(replicated), "not_changeable", "replicator.example/to"),
        ("k8s_apply", manifest(|it| it["data"]["color"] = json!("b\u{202E}lue")), "not_changeable", "data.color"),
        ("k8s_apply", json!({ "manifest": "a: [" }), "not_changeable", "no manifest"),
        ("k8s_delete", object("ConfigMap", "core"), "not_changeable", "the platform's"),
        ("k8s_delete", object("Job", "run-456789ab-l1"), "not_changeable", "the platform's"),
        ("k8s_delete", object("Pod", "web"), "not_changeable", "no other kind"),
        ("k8s_delete", object("ConfigMap", "absent"), "not_found", "no such object"),
        ("k8s_rollout_restart", object("ConfigMap", "core"), "not_changeable", "restarted"),
        ("k8s_exec", json!({ "pod": "run-456789ab-l1-x7z2k", "command": ["env"] }), "not_entered", "your checkout"),
        ("k8s_exec", json!({ "pod": "kube-system/web", "command": ["env"] }), "not_shown", "own namespace"),
        ("k8s_exec", json!({ "pod": "gone", "command": ["env"] }), "not_found", "no such object"),
        ("k8s_exec", json!({ "pod": "web", "command": [] }), "invalid_input", "fields"),
    ];
    let mut audited = Vec::new();
    for (tool, arguments, code, words) in table {
        let answer = pod.tool(tool, &arguments).await?;
        let said = answer["message"].as_str().unwrap_or_default();
        assert!(answer["code"] == code && said.contains(words), "{tool} {arguments}: {answer}");
        audited.push(format!("{tool} {code}"));
    }
    let sql = "SELECT data ->> 'tool' || ' ' || (data ->> 'outcome') FROM flow_events
               WHERE run_id = $1 AND kind = 'tool.called' ORDER BY seq";
    let called: Vec<String> = sqlx::query_scalar(sql).bind(pod.lease.run.0).fetch_all(&t.platform.db).await?;
    assert_eq!(called, audited);
    assert_eq!(t.owner.get("approvals").await?["items"], json!([]), "nobody is asked");
    t.platform.still_runs()
}
