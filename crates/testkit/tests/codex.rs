//! The scripted model with the real codex: both tool styles, a resumed session, errors and long commands.
//!
//! Takes codex from `CODEXK8S_TEST_CODEX`, else from the development stack's cache.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::{
    model::{self, Options, Running},
    tools,
};
use tokio::process::Command;

/// A model and a checkout with one commit, under the cache: codex takes no home below `/tmp`.
struct Desk {
    model: Running,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Result<Self> {
        // Cargo runs tests in the folder of their package; a path from compile time may be another checkout's.
        let scenarios = PathBuf::from("../../tests/scenarios");
        let key = SecretString::from("right-key");
        let model = model::start(Options { listen: ([127, 0, 0, 1], 0).into(), scenarios, key }).await?;
        let parent = tools::cache()?.join("tmp");
        std::fs::create_dir_all(&parent)?;
        let folder = tempfile::tempdir_in(parent)?;
        let desk = Self { model, folder };
        std::fs::create_dir_all(desk.path("home"))?;
        std::fs::create_dir_all(desk.path("repo"))?;
        let config = format!(
            "model_provider = \"gateway\"\nweb_search = \"disabled\"\n\n[model_providers.gateway]\nname = \"gateway\"\n\
             base_url = \"{}/v1\"\nwire_api = \"responses\"\nenv_key = \"MODEL_KEY\"\n",
            desk.model.base_url()
        );
        std::fs::write(desk.path("home/config.toml"), config)?;
        let texts = ["summary", "branch", "pr_title", "pr_body"];
        let lists = ["labels_suggested", "follow_ups", "tool_gaps"];
        let text = texts.iter().map(|name| ((*name).to_owned(), json!({"type": "string"})));
        let list = lists.iter().map(|name| ((*name).to_owned(), json!({"type": "array", "items": {"type": "string"}})));
        let properties: serde_json::Map<String, Value> = text.chain(list).collect();
        let required: Vec<&str> = texts.into_iter().chain(lists).collect();
        let schema =
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        std::fs::write(desk.path("schema.json"), schema.to_string())?;
        desk.git(&["init", "--quiet", "--initial-branch=run/7", "."]).await?;
        std::fs::write(desk.path("repo/README.md"), "# sample\n")?;
        desk.git(&["add", "README.md"]).await?;
        desk.git(&["-c", "user.name=a", "-c", "user.email=a@b.test", "commit", "--quiet", "-m", "Begin"]).await?;
        Ok(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn git(&self, args: &[&str]) -> Result<String> {
        let output = Command::new("git").args(args).current_dir(self.path("repo")).output().await?;
        ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Runs codex to its end and returns its events.
    async fn codex(&self, model: &str, key: &str, rest: &[&str]) -> Result<Vec<Value>> {
        let output = Command::new(tools::codex()?)
            .args(["exec", "--json", "--dangerously-bypass-approvals-and-sandbox", "-m", model, "--output-schema"])
            .arg(self.path("schema.json"))
            .arg("-C")
            .arg(self.path("repo"))
            .args(rest)
            .env("CODEX_HOME", self.path("home"))
            .env("HOME", self.path("home"))
            .env("MODEL_KEY", key)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let events = String::from_utf8(output.stdout)?;
        events.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// What the model was sent.
    async fn received(&self, contains: &str) -> Result<Vec<Value>> {
        let url = format!("{}/_script/requests", self.model.base_url());
        Ok(reqwest::Client::new().get(url).query(&[("contains", contains)]).send().await?.json().await?)
    }
}

fn last_message(events: &[Value]) -> Result<Value> {
    let text = events.iter().rev().find(|event| event["item"]["type"] == "agent_message").context("no message")?;
    Ok(serde_json::from_str(text["item"]["text"].as_str().context("no text")?)?)
}

fn output(events: &[Value]) -> String {
    let done = events.iter().filter(|event| event["type"] == "item.completed");
    done.filter_map(|event| event["item"]["aggregated_output"].as_str()).collect()
}

const ISSUE: &str = "Issue #12\nTitle: Don't \"panic\" & go on\n\nPlease.";

async fn works(model: &str) -> Result<()> {
    let desk = Desk::new().await?;
    let events = desk.codex(model, "right-key", &[ISSUE]).await?;
    assert!(events.iter().any(|event| event["type"] == "turn.completed"), "{events:#?}");
    let last = last_message(&events)?;
    assert_eq!(last["branch"], "run/7");
    assert!(last["pr_body"].as_str().context("body")?.contains("Refs #12"), "{last}");
    assert_eq!(desk.git(&["rev-list", "--count", "HEAD"]).await?, "2");
    assert_eq!(
        desk.git(&["diff", "--name-status", "HEAD~1", "HEAD"]).await?,
        "M\tREADME.md\nA\tdocs/changes/issue-12-don-t-panic-go-on.md"
    );
    let received = desk.received("Please.").await?;
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|one| one["headers"].get("authorization").is_none()));
    Ok(())
}

#[tokio::test]
async fn gpt_5_5_works_with_function_tools() -> Result<()> {
    works("gpt-5.5").await
}

#[tokio::test]
async fn gpt_6_works_with_code_mode() -> Result<()> {
    works("gpt-6-sol").await
}

#[tokio::test]
async fn a_resumed_session_goes_on_with_the_new_message() -> Result<()> {
    let desk = Desk::new().await?;
    let first = desk.codex("gpt-5.5", "right-key", &["scenario: nothing"]).await?;
    let session = first[0]["thread_id"].as_str().context("no session")?;
    let again = desk.codex("gpt-5.5", "right-key", &["resume", session, "scenario: noisy"]).await?;
    assert_eq!(last_message(&again)?["pr_title"], "Add a noisy file");
    assert_eq!(desk.git(&["log", "-1", "--format=%s"]).await?, "Add a noisy file");
    assert!(output(&again).contains("line 500 of 500"));
    Ok(())
}

#[tokio::test]
async fn errors_of_the_model_reach_codex_and_passing_ones_are_retried() -> Result<()> {
    let desk = Desk::new().await?;
    let refused = desk.codex("gpt-5.5", "right-key", &["scenario: refused"]).await?;
    assert!(refused.iter().any(|event| event["type"] == "turn.failed"), "{refused:#?}");
    let unknown = desk.codex("gpt-5.5", "wrong-key", &["scenario: nothing"]).await?;
    assert!(unknown.iter().any(|event| event["type"] == "turn.failed"), "{unknown:#?}");
    let flaky = desk.codex("gpt-5.5", "right-key", &["scenario: flaky"]).await?;
    assert_eq!(last_message(&flaky)?["summary"], "It worked in the end.");
    let statuses: Vec<Value> =
        desk.received("scenario: flaky").await?.into_iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [503, 503, 200, 200, 200]);
    Ok(())
}
