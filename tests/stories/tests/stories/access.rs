//! Who gets in, and what they see.

mod agents;
mod operations;
mod place;
mod routes;

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use stories::Story;
use testkit::console::Console;

#[tokio::test]
async fn who_is_not_listed_does_not_get_in() -> Result<()> {
    let mut t = Story::begin().await?;
    let stranger = Console::open(t.platform.url())?;
    let landing = stranger.visit_github(t.github.front(), &t.github.person("stranger")?.login).await?;
    assert_eq!(landing, "/sign-in?problem=not_listed");
    assert_eq!(stranger.call(Method::GET, "me", &Value::Null).await?.status.as_u16(), 401);
    t.platform.still_runs()
}

#[tokio::test]
async fn losing_access_counts_at_once() -> Result<()> {
    let mut t = Story::begin().await?;
    let login = t.github.person("writer")?.login.clone();
    let writer = Console::sign_in(t.platform.url(), t.github.front(), &login).await?;
    let id = writer.get("me").await?["id"].as_str().unwrap_or_default().to_owned();
    t.owner.call(Method::DELETE, &format!("users/{id}"), &Value::Null).await?.ok()?;
    assert_eq!(writer.call(Method::GET, "me", &Value::Null).await?.code(), "session_over");
    assert!(writer.refresh().await.is_err(), "the session cannot be renewed either");
    t.platform.still_runs()
}

#[tokio::test]
async fn signing_out_ends_the_session() -> Result<()> {
    let mut t = Story::begin().await?;
    t.owner.sign_out().await?;
    assert_eq!(t.owner.call(Method::GET, "me", &Value::Null).await?.code(), "session_over");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_project_of_others_does_not_exist() -> Result<()> {
    let mut t = Story::begin().await?;
    t.add_user("stranger").await?;
    let login = t.github.person("stranger")?.login.clone();
    let stranger = Console::sign_in(t.platform.url(), t.github.front(), &login).await?;
    let (project, repository) = (&t.project, &t.repository);
    for path in [
        format!("projects/{project}"),
        format!("projects/{project}/members"),
        format!("projects/{project}/repositories"),
        format!("projects/{project}/egress-grants"),
        format!("projects/{project}/environments"),
        format!("projects/{project}/integrations"),
        format!("repositories/{repository}"),
    ] {
        assert_eq!(stranger.call(Method::GET, &path, &Value::Null).await?.status.as_u16(), 404, "{path}");
    }
    assert_eq!(stranger.get("projects").await?["items"], json!([]));
    assert_eq!(stranger.get("deliveries").await?["items"], json!([]));
    assert_eq!(
        stranger.call(Method::POST, "projects", &json!({ "slug": "x1", "name": "X" })).await?.status.as_u16(),
        403
    );
    assert_eq!(stranger.call(Method::GET, "users", &Value::Null).await?.status.as_u16(), 403);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_reader_looks_and_changes_nothing() -> Result<()> {
    let mut t = Story::begin().await?;
    let login = t.github.person("reader")?.login.clone();
    let reader = Console::sign_in(t.platform.url(), t.github.front(), &login).await?;
    let project = &t.project;
    reader.get(&format!("projects/{project}")).await?;
    let grant = json!({ "host": "example.com" });
    let environment = json!({ "name": "staging", "kind": "staging", "allows_secrets": true, "allows_databases": true });
    for (method, path, body) in [
        (Method::POST, format!("projects/{project}/egress-grants"), grant),
        (Method::POST, format!("projects/{project}/environments"), environment),
        (Method::POST, format!("repositories/{}/check", t.repository), Value::Null),
        (Method::DELETE, format!("repositories/{}", t.repository), Value::Null),
        (Method::DELETE, format!("projects/{project}"), Value::Null),
    ] {
        let answer = reader.call(method.clone(), &path, &body).await?;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "not_permitted"), "{method} {path}");
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn wrong_fields_are_all_named_at_once() -> Result<()> {
    let mut t = Story::begin().await?;
    let answer = t.owner.call(Method::POST, "projects", &json!({ "slug": "Not A Slug", "extra": 1 })).await?;
    assert_eq!(answer.code(), "invalid_request");
    let mut fields: Vec<_> =
        answer.body["fields"].as_array().into_iter().flatten().map(|field| field["field"].to_string()).collect();
    fields.sort();
    assert_eq!(fields, [r#""/extra""#, r#""/name""#, r#""/slug""#]);
    t.platform.still_runs()
}

#[tokio::test]
async fn settings_are_not_overwritten_unseen() -> Result<()> {
    let mut t = Story::begin().await?;
    let path = format!("projects/{}", t.project);
    let change = |name: &str| json!({ "name": name });
    t.owner.call_with(Method::PATCH, &path, &[("if-match", "\"1\"")], &change("First")).await?.ok()?;
    let late = t.owner.call_with(Method::PATCH, &path, &[("if-match", "\"1\"")], &change("Second")).await?;
    assert_eq!((late.status.as_u16(), late.code()), (412, "version_changed"));
    assert_eq!(t.owner.get(&path).await?["name"], "First");
    t.platform.still_runs()
}
