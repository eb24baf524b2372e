//! Hosts that agents were refused: people are asked, decide for a run, a role or a project, and take it back.

use anyhow::{Context, Result, ensure};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Pod, Story};
use testkit::console::{Answer, Console};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A name that no resolver knows: a granted host is told from others by what it fails at.
const HOST: &str = "asked.invalid";
const UNKNOWN: &str = "does not resolve";

/// What the gateway answers a pod's tunnel.
pub(crate) async fn tries(t: &Story, pod: &Pod, host: &str) -> Result<String> {
    let authority = t.platform.agents_url().strip_prefix("http://").context("no address")?.to_owned();
    let mut stream = TcpStream::connect(authority).await?;
    let token = pod.token();
    let ask = format!(
        "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\nProxy-Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The run's tunnel is refused in these words, at the latest when the gateway has forgotten what it knew.
async fn refused(t: &Story, pod: &Pod, words: &str) -> Result<()> {
    let mut last = String::new();
    let heard = stories::until("the refusal", async || {
        last = tries(t, pod, HOST).await?;
        Ok(last.contains(words))
    });
    heard.await.with_context(|| last.clone())
}

async fn launched(t: &Story, label: &str) -> Result<Pod> {
    let issue = t.open_issue("Use what is out there").await?;
    t.label("writer", issue, label).await?;
    Pod::launch(t).await
}

async fn open(who: &Console) -> Result<Vec<Value>> {
    Ok(who.get("egress-requests?state=open").await?["items"].as_array().cloned().unwrap_or_default())
}

async fn decide(who: &Console, request: &Value, decision: &str) -> Result<Answer> {
    let id = request["id"].as_str().context("no id")?;
    who.call(Method::POST, &format!("egress-requests/{id}/decision"), &json!({ "decision": decision })).await
}

async fn grants(t: &Story) -> Result<Vec<Value>> {
    let listed = t.owner.get(&format!("projects/{}/egress-grants", t.project)).await?;
    Ok(listed["items"].as_array().cloned().unwrap_or_default())
}

async fn withdraw(t: &Story, grant: &Value) -> Result<()> {
    let path = format!("egress-grants/{}", grant["id"].as_str().context("no id")?);
    t.owner.call(Method::DELETE, &path, &Value::Null).await?.ok().map(drop)
}

#[tokio::test]
async fn a_role_gets_a_host_for_a_week_and_no_other_role() -> Result<()> {
    let mut t = Story::begin().await?;
    let (dev, plan) = (launched(&t, "run:dev").await?, launched(&t, "run:plan").await?);
    for pod in [&dev, &dev, &plan] {
        let answer = tries(&t, pod, HOST).await?;
        ensure!(answer.starts_with("HTTP/1.1 403") && answer.contains("people are asked"), "{answer}");
    }
    let news = t.owner.get("notifications?unread=true").await?;
    assert_eq!(
        (&news["unread"], &news["items"][0]["kind"], &news["items"][0]["host"]),
        (&json!(2), &json!("host"), &json!(HOST))
    );
    let cards = open(&t.owner).await?;
    let told: Vec<_> = cards.iter().map(|card| (&card["host"], &card["role"], &card["tries"])).collect();
    let (host, first, twice) = (json!(HOST), json!(1), json!(2));
    assert_eq!(told, [(&host, &json!("em"), &first), (&host, &json!("dev"), &twice)]);
    let writer = t.console_of("writer").await?;
    let seen = open(&writer).await?;
    assert_eq!((&seen[1]["may_decide"], &cards[1]["may_decide"]), (&json!(false), &json!(true)));
    assert_eq!(decide(&writer, &seen[1], "project").await?.status, StatusCode::FORBIDDEN);
    t.add_user("stranger").await?;
    let stranger = t.console_of("stranger").await?;
    assert!(open(&stranger).await?.is_empty());
    assert_eq!(decide(&stranger, &cards[1], "never").await?.status, StatusCode::NOT_FOUND);

    let decided = decide(&t.owner, &cards[1], "role").await?.ok()?;
    assert_eq!((&decided["state"], &decided["decision"]), (&json!("decided"), &json!("role")));
    assert_eq!(t.owner.get("notifications?unread=true").await?["unread"], 1, "who decided needs no reminder");
    let late = decide(&t.owner, &cards[1], "never").await?;
    assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "already_decided"));
    refused(&t, &dev, UNKNOWN).await?;
    refused(&t, &plan, "people are asked").await?;
    let later = launched(&t, "run:dev").await?;
    refused(&t, &later, UNKNOWN).await?;
    assert_eq!(open(&t.owner).await?.len(), 1, "only the other role still asks");

    let [grant] = grants(&t).await?.try_into().map_err(|all| anyhow::anyhow!("{all:?}"))?;
    assert_eq!((&grant["role"], &grant["refuses"]), (&json!("dev"), &json!(false)));
    sqlx::query("UPDATE clock_shift SET shift = shift + interval '6 days'").execute(&t.platform.db).await?;
    assert_eq!(grants(&t).await?.len(), 1);
    sqlx::query("UPDATE clock_shift SET shift = shift + interval '2 days'").execute(&t.platform.db).await?;
    assert!(grants(&t).await?.is_empty(), "a week is over");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_was_allowed_once_is_that_runs_and_can_be_withdrawn() -> Result<()> {
    let mut t = Story::begin().await?;
    let (one, other) = (launched(&t, "run:dev").await?, launched(&t, "run:dev").await?);
    for pod in [&one, &other] {
        tries(&t, pod, HOST).await?;
    }
    let cards = open(&t.owner).await?;
    let of = |pod: &Pod| cards.iter().find(|card| card["run_id"] == json!(pod.lease.run)).context("no card");
    decide(&t.owner, of(&one)?, "once").await?.ok()?;
    refused(&t, &one, UNKNOWN).await?;
    refused(&t, &other, "people are asked").await?;
    withdraw(&t, &grants(&t).await?[0]).await?;
    refused(&t, &one, "people are asked").await?;
    let anew = open(&t.owner).await?;
    let asking: Vec<_> = anew.iter().map(|card| &card["run_id"]).collect();
    assert_eq!(asking, [&json!(one.lease.run), &json!(other.lease.run)], "what was taken back is asked anew, once");
    assert_ne!(anew[0]["id"], of(&one)?["id"]);
    decide(&t.owner, &anew[0], "once").await?.ok()?;
    refused(&t, &one, UNKNOWN).await?;
    assert_eq!(store::flow::first_break(&t.platform.db, one.lease.run).await?, None);

    // A run that is over gains nothing; its role and project may.
    let run = other.lease.run;
    other.fail(&t).await?;
    let late = decide(&t.owner, cards.iter().find(|card| card["run_id"] == json!(run)).context("no card")?, "once");
    let late = late.await?;
    assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "run_over"));
    t.platform.still_runs()
}

#[tokio::test]
async fn never_counts_for_the_whole_project_until_it_is_withdrawn() -> Result<()> {
    let mut t = Story::begin().await?;
    let (dev, plan) = (launched(&t, "run:dev").await?, launched(&t, "run:plan").await?);
    for pod in [&dev, &plan] {
        tries(&t, pod, HOST).await?;
    }
    let cards = open(&t.owner).await?;
    decide(&t.owner, &cards[0], "never").await?.ok()?;
    assert!(open(&t.owner).await?.is_empty(), "the same question of all runs is answered");
    for pod in [&dev, &plan] {
        refused(&t, pod, "people have decided").await?;
    }
    let path = format!("projects/{}/egress-grants", t.project);
    let added = t.owner.call(Method::POST, &path, &json!({ "host": HOST })).await?;
    assert_eq!((added.status, added.code()), (StatusCode::CONFLICT, "host_granted"));
    withdraw(&t, &grants(&t).await?[0]).await?;
    t.owner.post(&path, &json!({ "host": HOST })).await?;
    refused(&t, &dev, UNKNOWN).await?;
    assert_eq!(store::flow::first_break(&t.platform.db, dev.lease.run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn an_agent_cannot_bury_people_in_cards() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = launched(&t, "run:dev").await?;
    for number in 0..domain::egress::MOST_ASKED + 2 {
        tries(&t, &pod, &format!("host-{number}.invalid")).await?;
    }
    for never_asked in ["127.0.0.1", "localhost", "2130706433"] {
        let answer = tries(&t, &pod, never_asked).await?;
        ensure!(answer.starts_with("HTTP/1.1 403") && !answer.contains("people are asked"), "{answer}");
    }
    assert_eq!(open(&t.owner).await?.len(), usize::try_from(domain::egress::MOST_ASKED)?);
    t.platform.still_runs()
}
