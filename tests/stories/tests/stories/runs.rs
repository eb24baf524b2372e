//! A run while it works: what its pod may say, what people see of it, and how it is stopped.

use anyhow::{Context, Result};
use futures::StreamExt;
use http::Method;
use serde_json::{Value, json};
use stories::{Pod, Story, until};

async fn working(t: &Story) -> Result<(Pod, String)> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(t).await?;
    let run = pod.lease.run.to_string();
    Ok((pod, run))
}

#[tokio::test]
async fn the_pod_learns_what_it_is_for_and_nothing_more() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, run) = working(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert_eq!(context["run_id"], run);
    assert_eq!(context["repository"], t.github.full_name());
    let prompt = context["prompt"].as_str().unwrap_or_default();
    assert!(prompt.contains("Add dark mode") && prompt.contains("<<<DATA"), "{prompt}");
    let again = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert_eq!(again["prompt_sha256"], context["prompt_sha256"], "every launch works on the same prompt");
    let bot = &t.github.person("bot")?.token;
    assert!(!context.to_string().contains(bot), "no forge token reaches a pod");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_run_that_waits_says_for_what_and_how_many_are_before_it() -> Result<()> {
    let mut t = Story::begin().await?;
    for number in 1..=4 {
        let issue = t.open_issue(&format!("Issue {number}")).await?;
        t.label("writer", issue, "run:dev").await?;
    }
    let waits = async || -> Result<Vec<String>> {
        let page = t.owner.get("runs?limit=50").await?;
        let all = page["items"].as_array().into_iter().flatten().rev();
        Ok(all.map(|run| format!("{} {}", run["waits"]["for"], run["waits"]["place"])).collect())
    };
    let free = |place: i64| format!("\"worker\" {place}");
    assert_eq!(waits().await?, [free(1), free(2), free(3), free(4)]);
    for _ in 0..2 {
        Pod::launch(&t).await?;
    }
    assert_eq!(waits().await?, ["null null", "null null", "\"role\" 1", "\"role\" 2"], "two developers a project");
    assert!(Pod::launch(&t).await.is_err(), "there is no place for a third");
    t.platform.still_runs()
}

#[tokio::test]
async fn events_are_stored_once_in_order_and_seen_live() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, run) = working(&t).await?;
    pod.say(1, "first").await?.ok()?;
    let live = t.owner.stream(&format!("runs/{run}/stream"), None).await?;
    assert_eq!(pod.say(1, "first, again").await?.ok()?["last_seq"], 1, "a batch that comes twice is stored once");
    assert_eq!(pod.say(3, "third").await?.code(), "events_out_of_order");
    pod.say(2, "second \u{1b}[31mred\u{1b}[0m").await?.ok()?;

    let (mut bytes, mut seen) = (live.bytes_stream(), String::new());
    while !seen.contains("second") {
        seen += &String::from_utf8_lossy(&bytes.next().await.context("the stream ended")??);
    }
    assert!(seen.contains("first") && !seen.contains("again"), "{seen}");

    let page = t.owner.get(&format!("runs/{run}/events")).await?;
    let texts: Vec<_> = page["items"].as_array().into_iter().flatten().map(|event| event["text"].clone()).collect();
    assert_eq!(texts, ["first", "second \u{1b}[31mred\u{1b}[0m"]);
    let rest = t.owner.get(&format!("runs/{run}/events?after={}", page["items"][0]["position"])).await?;
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(1));
    t.platform.still_runs()
}

#[tokio::test]
async fn a_cancelled_run_may_save_and_nothing_else() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, run) = working(&t).await?;
    let beat = json!({ "phase": "working", "last_words": "Reading the code" });
    assert_eq!(pod.call(Method::POST, "beat", &beat).await?.ok()?["stop"], false);
    assert_eq!(t.owner.get(&format!("runs/{run}")).await?["last_words"], "Reading the code");
    t.owner.post(&format!("runs/{run}/cancel"), &Value::Null).await?;
    assert_eq!(pod.call(Method::POST, "beat", &beat).await?.ok()?["stop"], true);
    sqlx::query("UPDATE clock_shift SET shift = '20 seconds'").execute(&t.platform.db).await?;
    // The gateway believes its last answer for two seconds at most.
    let refused = async || Ok(pod.call(Method::POST, "beat", &beat).await?.status.as_u16() == 401);
    until("the token is refused once the time for saving is over", refused).await?;
    t.platform.still_runs()
}

#[tokio::test]
async fn a_run_token_opens_nothing_but_its_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, run) = working(&t).await?;
    let http = reqwest::Client::new();
    for path in ["staff/me".to_owned(), format!("staff/runs/{run}")] {
        let url = format!("{}/api/v1/{path}", t.platform.url());
        assert_eq!(http.get(url).bearer_auth(pod.token()).send().await?.status().as_u16(), 401, "{path}");
    }
    let agents = t.platform.agents_url();
    for (url, token) in [
        (format!("{agents}/api/v1/run/context"), "cxr_wrong".to_owned()),
        (format!("{agents}/api/v1/run/context"), t.owner.access_token()),
    ] {
        assert_eq!(http.get(url).bearer_auth(token).send().await?.status().as_u16(), 401);
    }
    assert_eq!(
        http.get(format!("{agents}/api/v1/staff/me")).bearer_auth(pod.token()).send().await?.status().as_u16(),
        404
    );
    t.platform.still_runs()
}

#[tokio::test]
async fn the_result_is_the_first_one_and_the_log_can_be_kept() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, run) = working(&t).await?;
    pod.say(1, "done").await?.ok()?;
    let word = json!({ "summary": "Dark mode\u{0} is there", "pr_title": "Add dark mode", "pr_body": "Closes #1" });
    pod.call(Method::POST, "result", &json!({ "outcome": "succeeded", "last_word": word })).await?.ok()?;
    pod.call(Method::POST, "result", &json!({ "outcome": "failed", "reason": "agent_error" })).await?.ok()?;
    let timeline = t.owner.get(&format!("runs/{run}/timeline")).await?;
    let reports = timeline["items"].as_array().into_iter().flatten().filter(|e| e["kind"] == "agent.reported");
    let outcomes: Vec<_> = reports.map(|event| event["data"]["outcome"].clone()).collect();
    assert_eq!(outcomes, ["succeeded"]);
    assert_eq!(t.owner.get(&format!("runs/{run}")).await?["summary"], "Dark mode\u{fffd} is there");
    let log = t.owner.stream(&format!("runs/{run}/log"), None).await?.text().await?;
    assert!(log.trim_end().ends_with("message     done"), "{log}");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_reads_like_a_secret_is_kept_by_nobody_whoever_sends_it() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, run) = working(&t).await?;
    let (key, address) = (format!("ghp_{}", "a1B2".repeat(9)), "olga@acme.test");
    let words = format!("{key} of {address}");
    pod.say(1, &words).await?.ok()?;
    pod.call(Method::POST, "beat", &json!({ "phase": "working", "last_words": words })).await?.ok()?;
    let word = json!({ "summary": words, "pr_title": words, "follow_ups": [words] });
    let result = json!({ "outcome": "failed", "reason": "agent_error", "detail": words, "last_word": word });
    pod.call(Method::POST, "result", &result).await?.ok()?;
    let log = t.owner.stream(&format!("runs/{run}/log"), None).await?.text().await?;
    assert!(log.contains("[redacted] of [redacted]"), "{log}");
    for table in ["run_events", "agent_runs", "flow_events"] {
        let sql = format!("SELECT COALESCE(string_agg(row_text::text, ' '), '') FROM {table} AS row_text");
        let kept: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&t.platform.db).await?;
        assert!(!kept.contains(&key) && !kept.contains(address), "{table}: {kept}");
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn no_secret_lies_in_the_database_in_clear() -> Result<()> {
    let mut t = Story::begin().await?;
    let (pod, _) = working(&t).await?;
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&t.platform.db)
        .await?;
    let bot = t.github.person("bot")?.token.clone();
    let secrets = [bot.as_str(), pod.token(), stories::WEBHOOK_SECRETS[0], stories::WEBHOOK_SECRETS[1]];
    for table in tables {
        let sql = format!("SELECT COALESCE(string_agg(row_text::text, ' '), '') FROM {table} AS row_text");
        let dump: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&t.platform.db).await?;
        for secret in secrets {
            assert!(!dump.contains(secret) && !dump.contains(&hex::encode(secret)), "a secret in {table}");
        }
    }
    t.platform.still_runs()
}
