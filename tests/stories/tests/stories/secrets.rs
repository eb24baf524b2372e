//! Secrets of environments: people say where they may go, an agent asks for one, whoever manages the project approves, and
//! both places have the same value, which is nowhere else.

use std::io::Write;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use stories::{Kubernetes, Pod, Story, until};
use testkit::console::{Answer, Console};
use tracing_subscriber::util::SubscriberInitExt;

const NAMESPACE: &str = "acme-env-staging";
const TOOL: &str = "secret_sync_github_k8s";

/// A project with an environment, on GitHub too, and a run's pod in it.
pub(crate) async fn beside(t: &Story, label: &str) -> Result<Pod> {
    t.github.api("owner", Method::PUT, "/environments/staging", &json!({})).await?;
    let environments = format!("projects/{}/environments", t.project);
    let staging = json!({ "name": "staging", "kind": "staging", "allows_secrets": true, "allows_databases": true });
    t.owner.post(&environments, &staging).await?;
    let issue = t.open_issue("Sessions do not survive a restart").await?;
    t.label("writer", issue, label).await?;
    Pod::launch(t).await
}

pub(crate) fn wanted(policy: &str) -> Value {
    json!({
        "environment": "staging", "github_secret_name": "SESSION_KEY", "kubernetes_secret_name": "shop",
        "policy": policy, "why": "Staging signs its sessions with it.",
    })
}

/// The agent asks; the request as people see it.
async fn asked(t: &Story, pod: &Pod, arguments: &Value) -> Result<Value> {
    asked_of(t, pod, TOOL, arguments).await
}

/// The same of any tool.
pub(crate) async fn asked_of(t: &Story, pod: &Pod, tool: &str, arguments: &Value) -> Result<Value> {
    let told = pod.tool(tool, arguments).await?;
    ensure!(told["status"] == "approval_required", "{told}");
    t.owner.get(&format!("approvals/{}", told["request_id"].as_str().context("no request")?)).await
}

pub(crate) fn path(request: &Value, rest: &str) -> String {
    format!("approvals/{}{rest}", request["id"].as_str().unwrap_or_default())
}

pub(crate) async fn decide(who: &Console, request: &Value, given: Value) -> Result<Answer> {
    let mut all = json!({ "decision": "approve", "digest": request["action"]["digest"] });
    for (name, value) in given.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    who.call(Method::POST, &path(request, "/decision"), &all).await
}

/// Waits until nothing more becomes of a request; what became of it, as the agent is told it.
pub(crate) async fn settled(t: &Story, request: &Value, state: &str) -> Result<Value> {
    until(&format!("a request that is {state}"), async || Ok(t.owner.get(&path(request, "")).await?["state"] == state))
        .await?;
    let sql = "SELECT jsonb_build_object('result', result, 'trouble', outcome, 'sealed', value_sealed IS NOT NULL)
               FROM approvals WHERE id = $1::uuid";
    Ok(sqlx::query_scalar(sql).bind(request["id"].as_str()).fetch_one(&t.platform.db).await?)
}

/// The one value of both places.
async fn value(t: &Story, kubernetes: &Kubernetes) -> Result<String> {
    let github = t.github.secret("staging", "SESSION_KEY").await?.context("GitHub has no secret")?;
    let there = kubernetes.secret(NAMESPACE, "shop").context("there is no Secret")?;
    assert_eq!(there.get("SESSION_KEY"), Some(&github), "both places have the same");
    Ok(github)
}

/// Every row of every table, as text.
async fn everything(t: &Story) -> Result<String> {
    let sql = "SELECT quote_ident(table_name) FROM information_schema.tables
               WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";
    let mut all = String::new();
    for table in sqlx::query_scalar::<_, String>(sql).fetch_all(&t.platform.db).await? {
        let rows = format!("SELECT COALESCE(string_agg(one::text, E'\\n'), '') FROM {table} AS one");
        all += &sqlx::query_scalar::<_, String>(AssertSqlSafe(rows)).fetch_one(&t.platform.db).await?;
    }
    Ok(all)
}

/// What this test's thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Ok(mut all) = self.0.lock() {
            all.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_secret_reaches_both_places_with_leave_and_the_agent_goes_on_without_its_value() -> Result<()> {
    let mut t = Story::begin().await?;
    let kubernetes = Kubernetes::default();
    let pod = beside(&t, "run:dev").await?;
    let run = pod.lease.run;
    let request = asked(&t, &pod, &wanted("random")).await?;
    let action = &request["action"];
    assert_eq!(
        (&action["does"], &action["mode"], &action["risk"]),
        (&json!("secret"), &json!("owner"), &json!("medium"))
    );
    let shown = json!({
        "environment": "staging", "environment_kind": "staging", "namespace": NAMESPACE, "github_secret_name": "SESSION_KEY",
        "kubernetes_secret_name": "shop", "kubernetes_secret_key": "SESSION_KEY", "policy": "random", "on_github": false,
        "synced_before": false,
    });
    assert_eq!(action["secret"], shown);
    // A question keeps the run waiting while the worker, which launches nothing here, does its part.
    let question = json!({ "question": "Which port should it listen on?", "options": ["80", "8080"] });
    let question = pod.tool("owner_feedback_request", &question).await?;
    pod.wait(&t).await?;
    let worker = t.platform.worker_in(kubernetes.cluster())?;
    assert_eq!(decide(&t.console_of("writer").await?, &request, json!({})).await?.status, StatusCode::FORBIDDEN);
    decide(&t.owner, &request, json!({})).await?.ok()?;
    let became = settled(&t, &request, "applied").await?;
    let places = json!({
        "environment": "staging", "policy": "random", "github": { "secret": "SESSION_KEY", "became": "created" },
        "kubernetes": { "namespace": NAMESPACE, "secret": "shop", "key": "SESSION_KEY", "became": "created" },
    });
    assert_eq!(became, json!({ "result": places, "trouble": null, "sealed": false }));
    let secret = value(&t, &kubernetes).await?;
    assert_eq!(secret.len(), 43);
    let namespace = kubernetes.namespace(NAMESPACE).context("no namespace")?;
    assert_eq!(namespace["metadata"]["labels"]["codex-k8s.dev/project-id"], json!(t.project));
    worker.end().await?;

    let answer = format!("approvals/{}/answer", question["request_id"].as_str().unwrap_or_default());
    t.owner.post(&answer, &json!({ "option": 0 })).await?;
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let told = context["answers"].as_str().context("nothing is told")?;
    assert!(
        told.contains("SESSION_KEY") && told.contains("\"became\":\"created\"") && !told.contains(&secret),
        "{told}"
    );
    assert!(!everything(&t).await?.contains(&secret), "the database holds the value");
    assert_eq!(store::flow::first_break(&t.platform.db, run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_value_that_only_people_know_is_typed_by_whoever_approves_and_is_nowhere_else() -> Result<()> {
    let log = Log::default();
    let writer = log.clone();
    let filter = "debug,hyper=info,h2=info,rustls=info";
    let logging = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).finish();
    // While there is one subscriber alone, what another test's thread is the first to log is taken for logged nowhere.
    let _beside = tracing_subscriber::registry().set_default();
    let _logging = logging.set_default();
    let mut t = Story::begin().await?;
    let kubernetes = Kubernetes::default();
    let pod = beside(&t, "run:ops").await?;
    let request = asked(&t, &pod, &wanted("provided")).await?;
    let secret = format!("typed-{} with spaces\"'", uuid::Uuid::now_v7().simple());
    for (given, code) in [(json!({}), "value_missing"), (json!({ "value": "x\u{0}y" }), "value_unreadable")] {
        let refused = decide(&t.owner, &request, given).await?;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            (&refused.body["fields"][0]["field"], &refused.body["fields"][0]["code"]),
            (&json!("/value"), &json!(code))
        );
    }
    let long = decide(&t.owner, &request, json!({ "value": "x".repeat(32_769) })).await?;
    assert_eq!(long.code(), "invalid_request");
    let approved = decide(&t.owner, &request, json!({ "value": secret })).await?.ok()?;
    assert!(approved["state"] == "approved" && !approved.to_string().contains("typed-"), "{approved}");
    let sealed = "SELECT value_sealed IS NOT NULL FROM approvals";
    assert!(sqlx::query_scalar::<_, bool>(sealed).fetch_one(&t.platform.db).await?, "it waits, sealed");
    assert!(!everything(&t).await?.contains("typed-"));

    let _worker = t.platform.worker_in(kubernetes.cluster())?;
    let became = settled(&t, &request, "applied").await?;
    assert_eq!((&became["sealed"], &became["result"]["policy"]), (&json!(false), &json!("provided")));
    assert_eq!(value(&t, &kubernetes).await?, secret);
    // Hexadecimal is how PostgreSQL prints bytes.
    let all = everything(&t).await?;
    for form in [secret.clone(), hex::encode(&secret), hex::encode("typed-")] {
        assert!(!all.contains(&form), "the database holds the value as {form}");
    }
    let mut logged = String::new();
    until("the worker's last word in the log", async || {
        let bytes = log.0.lock().map_err(|_| anyhow::anyhow!("a broken log"))?;
        logged = String::from_utf8_lossy(&bytes).into_owned();
        Ok(logged.contains("an approved action is over"))
    })
    .await?;
    assert!(!logged.contains("typed-"), "the value was logged");
    t.platform.still_runs()
}

#[tokio::test]
async fn who_asks_for_nothing_gives_no_value_and_who_denies_needs_none() -> Result<()> {
    let mut t = Story::begin().await?;
    let kubernetes = Kubernetes::default();
    let pod = beside(&t, "run:dev").await?;
    let request = asked(&t, &pod, &wanted("random")).await?;
    let refused = decide(&t.owner, &request, json!({ "value": "hunter22" })).await?;
    assert_eq!(refused.body["fields"][0]["code"], "value_not_asked", "{}", refused.body);
    let typed = asked(&t, &pod, &wanted("provided")).await?;
    let denied = json!({ "decision": "deny", "words": "Sessions end with the day here." });
    for one in [&request, &typed] {
        assert_eq!(decide(&t.owner, one, denied.clone()).await?.ok()?["state"], "denied");
    }
    let _worker = t.platform.worker_in(kubernetes.cluster())?;
    let again = pod.tool(TOOL, &wanted("random")).await?;
    assert_eq!((&again["status"], &again["words"]["text"]), (&json!("denied"), &denied["words"]), "{again}");
    assert_eq!((t.github.secret("staging", "SESSION_KEY").await?, kubernetes.secret(NAMESPACE, "shop")), (None, None));
    t.platform.still_runs()
}

#[tokio::test]
async fn what_was_synced_before_is_kept_or_replaced_as_its_policy_says() -> Result<()> {
    let mut t = Story::begin().await?;
    let kubernetes = Kubernetes::default();
    let pod = beside(&t, "run:dev").await?;
    let _worker = t.platform.worker_in(kubernetes.cluster())?;
    let mut values = Vec::new();
    for (policy, became, before) in [
        ("random", "created", false),
        ("random", "reused", true),
        ("deterministic", "updated", false),
        ("deterministic", "reused", true),
        ("random", "updated", true),
    ] {
        let mut arguments = wanted(policy);
        // What was asked for once in a launch is asked for again only under another key.
        arguments["idempotency_key"] = json!(values.len().to_string());
        let request = asked(&t, &pod, &arguments).await?;
        assert_eq!(request["action"]["secret"]["synced_before"], before, "{policy} {became}");
        assert_eq!(request["action"]["secret"]["on_github"], became != "created");
        decide(&t.owner, &request, json!({})).await?.ok()?;
        let told = settled(&t, &request, "applied").await?;
        assert_eq!(told["result"]["kubernetes"]["became"], became, "{policy}");
        values.push(value(&t, &kubernetes).await?);
    }
    assert!(values[0] == values[1] && values[1] != values[2] && values[2] == values[3] && values[3] != values[4]);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_worker_that_dies_in_the_middle_is_followed_by_one_that_ends_in_the_same_state() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = beside(&t, "run:dev").await?;
    for (does_it, key) in [(false, "before"), (true, "after")] {
        let kubernetes = Kubernetes::default();
        kubernetes.freeze(Method::POST, "/secrets", does_it);
        let mut arguments = wanted("random");
        arguments["github_secret_name"] = json!(format!("KEY_{}", key.to_uppercase()));
        let request = asked(&t, &pod, &arguments).await?;
        decide(&t.owner, &request, json!({})).await?.ok()?;
        let first = t.platform.worker_in(kubernetes.cluster())?;
        until("a worker in the middle", async || Ok(kubernetes.is_frozen())).await?;
        first.die();
        let (sealed, plan): (Vec<u8>, Value) =
            sqlx::query_as("SELECT value_sealed, plan FROM approvals WHERE state = 'applying'")
                .fetch_one(&t.platform.db)
                .await?;
        assert!(!sealed.is_empty() && plan == json!({ "github": "created", "kubernetes": "created" }), "{plan}");
        let over = "UPDATE approvals SET lease_expires_at = app_now() - interval '1 second' WHERE state = 'applying'";
        sqlx::query(over).execute(&t.platform.db).await?;

        let name = arguments["github_secret_name"].as_str().unwrap_or_default();
        // GitHub takes it, and its answer is lost.
        let put = json!({ "method": "PUT", "path_regex": format!("/secrets/{name}$") });
        let lost = json!({ "match": put, "times": 1, "answer": { "perform": true, "drop": true } });
        t.github.front().inject(&lost).await?;
        let second = t.platform.worker_in(kubernetes.cluster())?;
        let became = settled(&t, &request, "applied").await?;
        let github = t.github.secret("staging", name).await?.context("GitHub has no secret")?;
        assert_eq!(kubernetes.secret(NAMESPACE, "shop").and_then(|all| all.get(name).cloned()), Some(github), "{key}");
        assert_eq!(became["result"]["github"]["became"], "created");
        assert_eq!((&became["result"]["kubernetes"]["became"], &became["sealed"]), (&json!("created"), &json!(false)));
        let audit = "SELECT count(*) FROM flow_events WHERE kind = 'request.applied' AND data ->> 'request' = $1";
        let audit: i64 = sqlx::query_scalar(audit).bind(request["id"].as_str()).fetch_one(&t.platform.db).await?;
        assert_eq!(audit, 1, "{key}");
        second.end().await?;
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn what_was_done_by_half_is_not_called_undone() -> Result<()> {
    let mut t = Story::begin().await?;
    let kubernetes = Kubernetes::default();
    let pod = beside(&t, "run:dev").await?;
    let _worker = t.platform.worker_in(kubernetes.cluster())?;
    let refuses = async |method: &str, path: &str, status: u16| {
        let path = format!("^/repos/{}/environments/staging{path}$", t.github.full_name());
        let headers = json!({ "x-accepted-github-permissions": "secrets=write" });
        let call = json!({ "method": method, "path_regex": path });
        let answer = json!({ "status": status, "headers": headers, "body": {} });
        t.github.front().inject(&json!({ "match": call, "times": 1, "answer": answer })).await
    };
    // GitHub has no such environment and makes none: nothing is touched.
    refuses("GET", "/secrets/public-key", 404).await?;
    refuses("PUT", "", 403).await?;
    let request = asked(&t, &pod, &wanted("random")).await?;
    decide(&t.owner, &request, json!({})).await?.ok()?;
    settled(&t, &request, "failed").await?;
    assert_eq!(kubernetes.secret(NAMESPACE, "shop"), None);

    refuses("PUT", "/secrets/SESSION_KEY", 403).await?;
    let mut other = wanted("random");
    other["idempotency_key"] = json!("second");
    let request = asked(&t, &pod, &other).await?;
    decide(&t.owner, &request, json!({})).await?.ok()?;
    let became = settled(&t, &request, "unknown").await?;
    let trouble = became["trouble"].as_str().unwrap_or_default();
    assert!(trouble.starts_with("the Secret in the cluster has the value, and then:"), "{became}");
    assert!(kubernetes.secret(NAMESPACE, "shop").is_some() && became["sealed"] == false, "{became}");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_changed_is_asked_anew_and_what_is_not_the_platforms_is_left_alone() -> Result<()> {
    let mut t = Story::begin().await?;
    let kubernetes = Kubernetes::default();
    let pod = beside(&t, "run:dev").await?;
    let _worker = t.platform.worker_in(kubernetes.cluster())?;
    let environments = format!("projects/{}/environments", t.project);
    let staging = t.owner.get(&environments).await?["items"][0].clone();
    let one = format!("environments/{}", staging["id"].as_str().unwrap_or_default());

    let request = asked(&t, &pod, &wanted("random")).await?;
    let change = json!({ "kind": "production", "allows_secrets": true, "allows_databases": true });
    let version = format!("\"{}\"", staging["version"]);
    let changed = t.owner.call_with(Method::PUT, &one, &[("if-match", &version)], &change).await?.ok()?;
    assert_eq!(changed["guarded"], true);
    let late = t.owner.call_with(Method::PUT, &one, &[("if-match", &version)], &change).await?;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    decide(&t.owner, &request, json!({})).await?.ok()?;
    settled(&t, &request, "stale").await?;

    let request = asked(&t, &pod, &wanted("random")).await?;
    assert_eq!(request["action"]["risk"], "high", "it is like production now");
    let theirs = json!({ "metadata": { "name": "shop" }, "data": { "mine": "bWluZQ==" } });
    kubernetes.put(NAMESPACE, "secrets/shop", theirs);
    decide(&t.owner, &request, json!({})).await?.ok()?;
    let became = settled(&t, &request, "failed").await?;
    assert!(became["trouble"].as_str().is_some_and(|why| why.contains("choose another name")), "{became}");
    assert_eq!(t.github.secret("staging", "SESSION_KEY").await?, None, "nothing was done in part");
    assert_eq!(kubernetes.secret(NAMESPACE, "shop").map(|all| all.len()), Some(1));
    t.platform.still_runs()
}

#[tokio::test]
async fn a_tool_call_names_what_the_project_allows_and_nothing_else() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = beside(&t, "run:dev").await?;
    let environments = format!("projects/{}/environments", t.project);
    t.owner
        .post(
            &environments,
            &json!({ "name": "live", "kind": "production", "allows_secrets": false, "allows_databases": false }),
        )
        .await?;
    let with = |name: &str, value: &str| {
        let mut arguments = wanted("random");
        arguments[name] = json!(value);
        arguments
    };
    for (arguments, code) in [
        (with("environment", "elsewhere"), "no_such_environment"),
        (with("environment", "live"), "not_allowed"),
        (with("environment", "../kube-system"), "no_such_environment"),
        (with("github_secret_name", "GITHUB_TOKEN"), "invalid_name"),
        (with("github_secret_name", "A\"; DROP"), "invalid_input"),
        (with("kubernetes_secret_name", "../control-plane"), "invalid_name"),
        (with("kubernetes_secret_key", "a/b"), "invalid_name"),
        (with("policy", "typed-by-me"), "invalid_input"),
        (with("value", "hunter22"), "invalid_input"),
        (with("namespace", "codex-k8s"), "invalid_input"),
    ] {
        let refused = pod.tool(TOOL, &arguments).await?;
        assert_eq!(refused["code"], code, "{arguments}: {refused}");
    }
    let mut dry = wanted("random");
    dry["dry_run"] = json!(true);
    let would = pod.tool(TOOL, &dry).await?;
    assert_eq!((&would["status"], &would["dry_run"]), (&json!("ok"), &json!(true)));
    assert_eq!(would["kubernetes"]["namespace"], NAMESPACE);
    assert_eq!(t.owner.get("approvals").await?["items"], json!([]), "nobody was asked");

    for (label, has) in [("run:qa", false), ("run:plan", false), ("run:ops", true)] {
        let issue = t.open_issue("Another").await?;
        t.label("writer", issue, label).await?;
        let listed = Pod::launch(&t).await?.mcp("tools/list", &json!({})).await?.ok()?;
        let names = listed["result"]["tools"].as_array().context("no tools")?;
        assert_eq!(names.iter().any(|tool| tool["name"] == TOOL), has, "{label}");
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn environments_are_said_by_who_manages_the_project() -> Result<()> {
    let mut t = Story::begin().await?;
    let all = format!("projects/{}/environments", t.project);
    let new =
        |name: &str| json!({ "name": name, "kind": "development", "allows_secrets": true, "allows_databases": true });
    for name in ["Staging", "-a", "a b", "a/b", &"x".repeat(33)] {
        assert_eq!(t.owner.call(Method::POST, &all, &new(name)).await?.code(), "invalid_request", "{name}");
    }
    let added = t.owner.post(&all, &new("prod")).await?;
    assert_eq!((&added["namespace"], &added["guarded"]), (&json!("acme-env-prod"), &json!(true)), "by its name");
    let twice = t.owner.call(Method::POST, &all, &new("prod")).await?;
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "environment_exists"));

    t.add_user("stranger").await?;
    let (writer, stranger) = (t.console_of("writer").await?, t.console_of("stranger").await?);
    assert_eq!(writer.get(&all).await?["items"].as_array().map(Vec::len), Some(1));
    let one = format!("environments/{}", added["id"].as_str().unwrap_or_default());
    let change = json!({ "kind": "staging", "allows_secrets": false, "allows_databases": false });
    for (who, status) in [(&writer, StatusCode::FORBIDDEN), (&stranger, StatusCode::NOT_FOUND)] {
        let changed = who.call_with(Method::PUT, &one, &[("if-match", "\"1\"")], &change).await?;
        let removed = who.call(Method::DELETE, &one, &Value::Null).await?;
        let more = who.call(Method::POST, &all, &new("qa")).await?;
        assert_eq!((changed.status, removed.status, more.status), (status, status, status));
    }
    t.owner.call(Method::DELETE, &one, &Value::Null).await?.ok()?;
    assert_eq!(t.owner.call(Method::DELETE, &one, &Value::Null).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(t.owner.post(&all, &new("prod")).await?["version"], 1, "the name is free again");
    let audit = "SELECT kind FROM flow_events WHERE kind LIKE 'environment.%' ORDER BY at, id";
    let audit: Vec<String> = sqlx::query_scalar(audit).fetch_all(&t.platform.db).await?;
    assert_eq!(audit, ["environment.added", "environment.removed", "environment.added"]);
    t.platform.still_runs()
}
