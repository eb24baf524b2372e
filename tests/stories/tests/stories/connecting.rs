//! Connecting a repository: which refusals name what is wrong, and which findings only warn.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ids::RepositoryId;
use http::Method;
use serde_json::{Value, json};
use store::repositories::{MISSED_LABELS, MISSED_REVIEWS, found};
use stories::Story;

/// `on: push` with a secret, and the same for tags alone.
const HANDS_SECRETS: &str = r#"{ on: push, env: { KEY: "${{ secrets.KEY }}" } }"#;
const KEEPS_SECRETS: &str = r#"{ on: { push: { tags: [v*] } }, env: { KEY: "${{ secrets.KEY }}" } }"#;
const NO_YAML: &str = "on: [push";

/// The check of the workflows: `state files / unread`.
fn workflows(repository: &Value) -> Result<String> {
    let checks = repository["checks"].as_array().context("no checks")?;
    let check = checks.iter().find(|check| check["name"] == "workflow_secrets").context("the check is missing")?;
    let list =
        |key: &str| check.get(key).map_or_else(String::new, |list| list.to_string().replace(".github/workflows/", ""));
    Ok(format!("{} {} / {}", check["state"].as_str().unwrap_or_default(), list("files"), list("unread")))
}

#[tokio::test]
async fn a_workflow_that_hands_secrets_to_branches_is_named_and_does_no_harm() -> Result<()> {
    let mut t = Story::begin().await?;
    let path = format!("repositories/{}", t.repository);
    assert_eq!(workflows(&t.owner.get(&path).await?)?, "ok  / ");

    let shop = t.github.second_repository("shop").await?;
    let write = async |file: &str, content: &str, sha: &Value| {
        let mut change = json!({ "message": file, "content": STANDARD.encode(content) });
        if sha.is_string() {
            change["sha"] = sha.clone();
        }
        shop.api("owner", Method::PUT, &format!("/contents/.github/workflows/{file}"), &change).await
    };
    let ci = write("ci.yml", HANDS_SECRETS, &Value::Null).await?;
    write("release.yaml", KEEPS_SECRETS, &Value::Null).await?;
    write("torn.yml", NO_YAML, &Value::Null).await?;
    let repository = t.connect(&shop.full_name()).await?;
    let connected = t.owner.get(&format!("repositories/{repository}")).await?;
    assert_eq!(connected["state"], "connected");
    assert_eq!(workflows(&connected)?, r#"warning ["ci.yml"] / ["torn.yml"]"#);

    write("ci.yml", KEEPS_SECRETS, &ci["content"]["sha"]).await?;
    let check = format!("repositories/{repository}/check");
    let checked = t.owner.call(Method::POST, &check, &Value::Null).await?.ok()?;
    assert_eq!(workflows(&checked)?, r#"unchecked  / ["torn.yml"]"#);
    t.platform.still_runs()
}

#[tokio::test]
async fn labels_and_reviews_that_nobody_heard_of_are_shown_until_a_check_goes_well() -> Result<()> {
    let mut t = Story::begin().await?;
    let path = format!("repositories/{}", t.repository);
    let id = RepositoryId(t.repository.parse()?);
    let shown = |repository: &Value| {
        let checks = repository["checks"].as_array().into_iter().flatten();
        let missed = checks.filter(|check| check["name"] == MISSED_LABELS || check["name"] == MISSED_REVIEWS);
        missed.map(|check| check["files"].clone()).collect::<Vec<_>>()
    };
    for (check, file) in [(MISSED_LABELS, "#3 run:dev"), (MISSED_REVIEWS, "#4 APPROVED @olga")] {
        let finding =
            json!({ "state": "warning", "needed_for": "noticing them", "remedy": "Once more.", "files": [file] });
        found(&t.platform.db, id, check, Some(&finding)).await?;
    }
    let repository = t.owner.get(&path).await?;
    let both = vec![json!(["#3 run:dev"]), json!(["#4 APPROVED @olga"])];
    assert_eq!((&repository["state"], shown(&repository)), (&json!("connected"), both));
    let checked = t.owner.call(Method::POST, &format!("{path}/check"), &Value::Null).await?.ok()?;
    assert_eq!((&checked["state"], shown(&checked)), (&json!("connected"), Vec::new()));
    t.platform.still_runs()
}

#[tokio::test]
async fn a_refused_token_names_each_right_by_its_code() -> Result<()> {
    let mut t = Story::begin().await?;
    let shop = t.github.second_repository("shop").await?;
    let path = format!("projects/{}/repositories", t.project);
    let connect = async |full_name: &str, token: &str| {
        let answer = t.owner.call(Method::POST, &path, &json!({ "full_name": full_name, "token": token })).await?;
        let fields = answer.body["fields"].as_array().into_iter().flatten();
        let codes: Vec<_> =
            fields.map(|field| format!("{} {}", field["field"], field["code"]).replace('"', "")).collect();
        anyhow::Ok(format!("{}: {}", answer.code(), codes.join(", ")))
    };
    let few = json!({ "metadata": "read", "contents": "read", "issues": "read", "pull_requests": "write",
        "repository_hooks": "write", "actions": "read" });
    let bot = t.github.person("bot")?;
    let narrow = t.github.front().token(&bot.login, &few).await?;
    assert_eq!(connect(&shop.full_name(), &narrow).await?, "token_rights: /token contents_write, /token issues_write");
    assert_eq!(connect(&shop.full_name(), "no-such-token").await?, "token_refused: /token token_refused");
    assert_eq!(
        connect("nobody/nothing", &bot.token).await?,
        "repository_not_visible: /full_name repository_not_visible"
    );
    assert_eq!(
        connect(&t.github.full_name(), &bot.token).await?,
        "repository_connected: /full_name repository_connected"
    );
    t.platform.still_runs()
}
