//! Databases of environments: asked for, approved, made on a real server with a role of their own, and gone when somebody
//! lets them go.

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use stories::{Kubernetes, Pod, Story, until};
use url::Url;
use uuid::Uuid;

use crate::secrets::{asked_of, beside, decide, path, settled};

const NAMESPACE: &str = "acme-env-staging";
const TOOL: &str = "database_lifecycle";

/// A name that no other story has on the server.
pub(crate) fn unique() -> String {
    format!("story_{}", &Uuid::new_v4().simple().to_string()[..12])
}

pub(crate) fn wanted(action: &str, name: &str) -> Value {
    json!({ "environment": "staging", "action": action, "database_name": name })
}

/// The Secret with the connection, by key.
pub(crate) fn connection(kubernetes: &Kubernetes, name: &str) -> Option<std::collections::BTreeMap<String, String>> {
    kubernetes.secret(NAMESPACE, &domain::approvals::databases::connection_secret(name))
}

/// Asks for a database, has it approved, and waits for what came of it.
async fn approved(t: &Story, pod: &Pod, arguments: &Value, state: &str) -> Result<Value> {
    let request = asked_of(t, pod, TOOL, arguments).await?;
    decide(&t.owner, &request, json!({})).await?.ok()?;
    settled(t, &request, state).await
}

/// How many databases and roles the server has for a request: what is left of it.
async fn left(t: &Story, name: &str) -> Result<i64> {
    let sql = "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1)
                    + (SELECT count(*) FROM pg_roles AS r JOIN approvals AS p
                         ON r.rolname = 'app_' || replace(p.id::text, '-', ''))";
    Ok(sqlx::query_scalar(sql).bind(name).fetch_one(&t.platform.db).await?)
}

#[tokio::test]
async fn a_database_is_made_described_and_deleted_with_leave() -> Result<()> {
    let mut t = Story::begin().await?;
    let kubernetes = Kubernetes::default();
    let (pod, name) = (beside(&t, "run:dev").await?, unique());
    let _worker = t.platform.worker_in(kubernetes.cluster())?;
    let nothing = pod.tool(TOOL, &wanted("describe", &name)).await?;
    assert_eq!((&nothing["status"], &nothing["exists"]), (&json!("ok"), &json!(false)));
    let mut dry = wanted("create", &name);
    dry["dry_run"] = json!(true);
    assert_eq!(pod.tool(TOOL, &dry).await?["dry_run"], true);

    let request = asked_of(&t, &pod, TOOL, &wanted("create", &name)).await?;
    let action = &request["action"];
    assert_eq!((&action["does"], &action["mode"]), (&json!("database"), &json!("owner")));
    assert_eq!((&action["database"]["database_name"], &action["database"]["action"]), (&json!(name), &json!("create")));
    decide(&t.owner, &request, json!({})).await?.ok()?;
    let became = settled(&t, &request, "applied").await?;
    assert_eq!((&became["result"]["became"], &became["sealed"]), (&json!("created"), &json!(false)));

    let there = connection(&kubernetes, &name).context("no Secret")?;
    let mut db = PgConnection::connect(there.get("url").context("no address")?).await?;
    let (database, role): (String, String) =
        sqlx::query_as("SELECT current_database()::text, current_user::text").fetch_one(&mut db).await?;
    assert_eq!((&database, Some(&role)), (&name, there.get("username")));
    sqlx::query("CREATE TABLE baskets (id int)").execute(&mut db).await?;
    let alone: bool = sqlx::query_scalar("SELECT NOT rolsuper AND NOT rolcreatedb FROM pg_roles WHERE rolname = $1")
        .bind(&role)
        .fetch_one(&mut db)
        .await?;
    assert!(alone && !became.to_string().contains(there.get("password").context("no password")?));

    let again = pod.tool(TOOL, &wanted("create", &name)).await?;
    assert_eq!((&again["status"], &again["state"]), (&json!("ok"), &json!("ready")));
    let mut described = Value::Null;
    until("a description", async || {
        described = pod.tool(TOOL, &wanted("describe", &name)).await?;
        Ok(described["status"] == "ok")
    })
    .await?;
    let told = &described["result"];
    assert!(told["exists"] == true && told["size_bytes"].as_i64().is_some_and(|size| size > 0), "{described}");

    let unconfirmed = pod.tool(TOOL, &wanted("delete", &name)).await?;
    assert_eq!(unconfirmed["code"], "not_confirmed");
    let mut delete = wanted("delete", &name);
    delete["confirm_delete"] = json!(true);
    let request = asked_of(&t, &pod, TOOL, &delete).await?;
    assert_eq!((&request["action"]["risk"], &request["action"]["mode"]), (&json!("high"), &json!("owner")));
    decide(&t.owner, &request, json!({})).await?.ok()?;
    assert_eq!(settled(&t, &request, "applied").await?["result"]["became"], "deleted");
    assert!(PgConnection::connect(there.get("url").context("no address")?).await.is_err(), "somebody still gets in");
    assert_eq!((connection(&kubernetes, &name).map(|all| all.len()), left(&t, &name).await?), (Some(0), 0));
    assert_eq!(pod.tool(TOOL, &wanted("describe", &name)).await?["exists"], false, "the name is free");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_name_of_another_project_is_taken_whatever_is_asked_about_it() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, name) = (beside(&t, "run:ops").await?, unique());
    let other = t.owner.post("projects", &json!({ "slug": "other", "name": "Other" })).await?;
    let other = other["id"].as_str().context("no id")?;
    let environment = json!({ "name": "staging", "kind": "staging", "allows_secrets": true, "allows_databases": true });
    let environment = t.owner.post(&format!("projects/{other}/environments"), &environment).await?;
    let theirs = "INSERT INTO project_databases (id, project_id, environment_id, name, state)
                  VALUES (uuidv7(), $1::uuid, $2::uuid, $3, 'ready')";
    let theirs = sqlx::query(theirs).bind(other).bind(environment["id"].as_str()).bind(&name);
    theirs.execute(&t.platform.db).await?;
    let mut answers = Vec::new();
    for action in ["create", "describe", "delete"] {
        let mut arguments = wanted(action, &name);
        arguments["confirm_delete"] = json!(true);
        answers.push(pod.tool(TOOL, &arguments).await?);
    }
    assert_eq!(answers[0]["code"], "taken");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    for (name, code) in [
        ("a\"b", "invalid_input"),
        ("a b", "invalid_input"),
        ("a'; DROP DATABASE postgres; --", "invalid_input"),
        ("../x", "invalid_input"),
        ("postgres", "invalid_name"),
        ("template1", "invalid_name"),
        ("pg_stat", "invalid_name"),
    ] {
        assert_eq!(pod.tool(TOOL, &wanted("create", name)).await?["code"], code, "{name}");
    }
    assert_eq!(t.owner.get("approvals").await?["items"], json!([]), "nobody was asked");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_worker_that_dies_or_fails_in_the_middle_leaves_nothing_half_owned() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, name) = (beside(&t, "run:dev").await?, unique());
    let kubernetes = Kubernetes::default();
    kubernetes.freeze(Method::POST, "/secrets", true);
    let request = asked_of(&t, &pod, TOOL, &wanted("create", &name)).await?;
    decide(&t.owner, &request, json!({})).await?.ok()?;
    let first = t.platform.worker_in(kubernetes.cluster())?;
    until("a worker in the middle", async || Ok(kubernetes.is_frozen())).await?;
    first.die();
    let password = connection(&kubernetes, &name).and_then(|all| all.get("password").cloned());
    let over = "UPDATE approvals SET lease_expires_at = app_now() - interval '1 second' WHERE state = 'applying'";
    sqlx::query(over).execute(&t.platform.db).await?;
    let _worker = t.platform.worker_in(kubernetes.cluster())?;
    settled(&t, &request, "applied").await?;
    let there = connection(&kubernetes, &name).context("no Secret")?;
    assert_eq!((there.get("password").cloned(), left(&t, &name).await?), (password, 2));
    PgConnection::connect(there.get("url").context("no address")?).await?.close().await?;

    // Somebody else's Secret has the name that the connection would have.
    let other = unique();
    let secret = domain::approvals::databases::connection_secret(&other);
    let theirs = json!({ "metadata": { "name": secret }, "data": {} });
    kubernetes.put(NAMESPACE, &format!("secrets/{secret}"), theirs);
    let became = approved(&t, &pod, &wanted("create", &other), "failed").await?;
    assert!(became["trouble"].as_str().is_some_and(|why| why.contains("choose another name")), "{became}");
    assert_eq!(left(&t, &other).await?, 1, "the role of the first one alone");
    assert_eq!(pod.tool(TOOL, &wanted("describe", &other)).await?["exists"], false, "the name is free");

    // A database that nobody here has made.
    let foreign = unique();
    let url = std::env::var("DATABASE_URL")?;
    let mut server = PgConnection::connect(&url).await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {foreign}"))).execute(&mut server).await?;
    let became = approved(&t, &pod, &wanted("create", &foreign), "failed").await?;
    assert!(became["trouble"].as_str().is_some_and(|why| why.contains("taken")), "{became}");
    sqlx::query(sqlx::AssertSqlSafe(format!("DROP DATABASE {foreign}"))).execute(&mut server).await?;
    t.platform.still_runs()
}

/// The server, through an account of this story's own that may do this there; a superuser's connection, and the address.
async fn server_with(rights: &str) -> Result<(PgConnection, String, String)> {
    let (account, url) = (unique(), std::env::var("DATABASE_URL")?);
    let mut server = PgConnection::connect(&url).await?;
    let made = format!("CREATE ROLE {account} LOGIN {rights}");
    sqlx::query(sqlx::AssertSqlSafe(made)).execute(&mut server).await?;
    let mut url = Url::parse(&url)?;
    url.set_username(&account).ok().context("an address without a user")?;
    Ok((server, account, url.into()))
}

#[tokio::test]
async fn a_server_that_refuses_the_second_half_keeps_nothing_of_the_first() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, name) = (beside(&t, "run:dev").await?, unique());
    let kubernetes = Kubernetes::default();
    let (mut server, account, url) = server_with("CREATEROLE").await?;
    let worker = t.platform.worker_with("DATABASES_URL", Some(&url), kubernetes.cluster())?;
    let became = approved(&t, &pod, &wanted("create", &name), "failed").await?;
    assert!(became["trouble"].as_str().is_some_and(|why| why.contains("permission denied to create database")));
    assert_eq!((left(&t, &name).await?, became["sealed"].clone()), (0, json!(false)));
    assert_eq!(connection(&kubernetes, &name), None);
    assert_eq!(pod.tool(TOOL, &wanted("describe", &name)).await?["exists"], false, "the name is free");

    let may = format!("ALTER ROLE {account} CREATEDB");
    sqlx::query(sqlx::AssertSqlSafe(may)).execute(&mut server).await?;
    // What was asked for once in a launch has its answer there.
    worker.end().await?;
    pod.vanish(&t).await?;
    let pod = Pod::launch(&t).await?;
    let _worker = t.platform.worker_with("DATABASES_URL", Some(&url), kubernetes.cluster())?;
    approved(&t, &pod, &wanted("create", &name), "applied").await?;
    assert_eq!(left(&t, &name).await?, 2, "the database and its role");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_cannot_be_taken_away_yet_is_tried_again_until_it_is_whole_or_gone() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, name) = (beside(&t, "run:dev").await?, unique());
    let kubernetes = Kubernetes::default();
    let (mut server, account, url) = server_with("CREATEDB").await?;
    let _worker = t.platform.worker_with("DATABASES_URL", Some(&url), kubernetes.cluster())?;
    let request = asked_of(&t, &pod, TOOL, &wanted("create", &name)).await?;
    decide(&t.owner, &request, json!({})).await?.ok()?;
    until("a try that failed", async || {
        let sql = "SELECT attempts > 0 FROM approvals WHERE id = $1::uuid";
        Ok(sqlx::query_scalar(sql).bind(request["id"].as_str()).fetch_one(&t.platform.db).await?)
    })
    .await?;
    assert_eq!(t.owner.get(&path(&request, "")).await?["state"], "applying", "it is neither made nor given up");
    let may = format!("ALTER ROLE {account} CREATEROLE");
    sqlx::query(sqlx::AssertSqlSafe(may)).execute(&mut server).await?;
    sqlx::query("UPDATE approvals SET not_before = app_now()").execute(&t.platform.db).await?;
    settled(&t, &request, "applied").await?;
    let there = connection(&kubernetes, &name).context("no Secret")?;
    PgConnection::connect(there.get("url").context("no address")?).await?.close().await?;
    t.platform.still_runs()
}

#[tokio::test]
async fn a_server_that_says_nothing_holds_up_nothing_else() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = beside(&t, "run:dev").await?;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("postgres://nobody@{}/postgres", silent.local_addr()?);
    let waits = asked_of(&t, &pod, TOOL, &wanted("create", &unique())).await?;
    let other = asked_of(&t, &pod, "github_labels_add", &json!({ "labels": ["area:ui"] })).await?;
    for request in [&waits, &other] {
        decide(&t.owner, request, json!({})).await?.ok()?;
    }
    let _worker = t.platform.worker_with("DATABASES_URL", Some(&url), Kubernetes::default().cluster())?;
    settled(&t, &other, "applied").await?;
    assert_eq!(t.owner.get(&path(&waits, "")).await?["state"], "applying");
    t.platform.still_runs()
}

#[tokio::test]
async fn an_environment_that_was_made_again_has_its_databases() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, name) = (beside(&t, "run:dev").await?, unique());
    let environments = format!("projects/{}/environments", t.project);
    let first = t.owner.get(&environments).await?["items"][0].clone();
    let there = "INSERT INTO project_databases (id, project_id, environment_id, name, state)
                 VALUES (uuidv7(), $1::uuid, $2::uuid, $3, 'ready')";
    let there = sqlx::query(there).bind(&t.project).bind(first["id"].as_str()).bind(&name);
    there.execute(&t.platform.db).await?;
    let one = format!("environments/{}", first["id"].as_str().context("no id")?);
    assert_eq!(t.owner.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), 204);
    let again = json!({ "name": "staging", "kind": "staging", "allows_secrets": true, "allows_databases": true });
    t.owner.post(&environments, &again).await?;
    let told = pod.tool(TOOL, &wanted("create", &name)).await?;
    assert_eq!((&told["status"], &told["state"]), (&json!("ok"), &json!("ready")), "{told}");
    t.platform.still_runs()
}

#[tokio::test]
async fn where_there_is_no_server_the_agent_is_told_so() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = beside(&t, "run:dev").await?;
    let _worker = t.platform.worker_with("DATABASES_URL", None, Kubernetes::default().cluster())?;
    let request = asked_of(&t, &pod, TOOL, &wanted("create", &unique())).await?;
    decide(&t.owner, &request, json!({})).await?.ok()?;
    let became = settled(&t, &request, "failed").await?;
    assert!(became["trouble"].as_str().is_some_and(|why| why.starts_with("not_configured")), "{became}");
    assert_eq!(t.owner.get(&path(&request, "")).await?["state"], "failed");
    t.platform.still_runs()
}
