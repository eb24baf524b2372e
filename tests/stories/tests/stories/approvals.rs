//! What agents ask of people: asked through a tool, answered in the console, told in the same session.

mod replies;

use anyhow::{Context, Result};
use domain::flow::FlowKind;
use domain::ids::RunId;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::approvals;
use store::flow::Entry;
use stories::{Pod, Story, id_of};
use testkit::console::Console;

const SESSION: &str = "0192f0c1-2222-7333-8444-0123456789ab";
const PATH: &str = "sessions/2026/11/22/rollout-2026-11-22T03-12-24-0192f0c1.jsonl";

/// A run of the writer's, and its pod.
async fn working(t: &Story) -> Result<Pod> {
    let issue = t.open_issue("Keep what was said").await?;
    t.label("writer", issue, "run:dev").await?;
    Pod::launch(t).await
}

fn database(allow_custom: bool) -> Value {
    json!({ "question": "Which database is it?", "options": ["PostgreSQL", "SQLite"], "allow_custom": allow_custom })
}

/// The agent asks and is not answered at once; the request's id.
async fn asked(pod: &Pod, question: &Value) -> Result<String> {
    let told = pod.tool("owner_feedback_request", question).await?;
    anyhow::ensure!(told["status"] == "approval_required", "{told}");
    Ok(told["request_id"].as_str().context("no request")?.to_owned())
}

async fn answer(who: &Console, request: &str, given: &Value) -> Result<testkit::console::Answer> {
    who.call(Method::POST, &format!("approvals/{request}/answer"), given).await
}

async fn status(t: &Story, run: RunId) -> Result<String> {
    Ok(t.owner.get(&format!("runs/{run}")).await?["status"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_answer_comes_back_into_the_session_that_asked() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let run = pod.lease.run;
    let request = asked(&pod, &database(false)).await?;
    let keeping = format!("session?path={PATH}&session_id={SESSION}");
    assert_eq!(pod.keep(&keeping, 1, b"what was said so far").await?, StatusCode::NO_CONTENT);
    pod.wait(&t).await?;
    let seen = t.owner.get(&format!("runs/{run}")).await?;
    assert_eq!((&seen["status"], &seen["waits"]["for"]), (&json!("waiting_mcp"), &json!("answer")));
    assert!(seen["waits"]["until"].is_string() && seen["deadline_at"].is_null(), "{seen}");
    let listed = t.owner.get("approvals?state=open").await?;
    assert_eq!((&listed["open"], &listed["items"][0]["id"]), (&json!(1), &json!(request)));

    let given = answer(&t.owner, &request, &json!({ "option": 1 })).await?.ok()?;
    assert_eq!((&given["state"], &given["answer"]["text"]), (&json!("answered"), &json!("SQLite")));
    assert_eq!(status(&t, run).await?, "pending");
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let message = context["resume"]["message"].as_str().context("nothing to go on with")?;
    assert!(
        message.contains(&request) && message.contains("SQLite") && message.contains("Which database"),
        "{message}"
    );
    assert!(context["answers"].as_str().is_some_and(|afresh| afresh.contains("SQLite")), "{context}");
    let orders = pod.call(Method::POST, "beat", &json!({ "phase": "working" })).await?.ok()?;
    assert_eq!(orders["waits"], false);

    // A pod that is lost before its session was kept has told nobody.
    pod.vanish(&t).await?;
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert!(context["resume"]["message"].as_str().is_some_and(|message| message.contains("SQLite")), "{context}");
    assert_eq!(pod.keep(&keeping, 2, b"the answer is known").await?, StatusCode::NO_CONTENT);
    pod.vanish(&t).await?;
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert!(context["resume"]["message"].as_str().is_some_and(|message| !message.contains("SQLite")), "{context}");
    assert_eq!(store::flow::first_break(&t.platform.db, run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn people_see_what_is_hidden_in_a_question_and_answer_it_as_it_was_asked() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let question = json!({
        "question": "Is it \u{202E}safe?", "context": "Nobody\u{200B} knows", "options": ["ye\u{2066}s", "no"],
    });
    let request = asked(&pod, &question).await?;
    let seen = t.owner.get(&format!("approvals/{request}")).await?;
    assert_eq!(
        (&seen["question"], &seen["context"], &seen["options"]),
        (&json!("Is it ⟪U+202E⟫safe?"), &json!("Nobody⟪U+200B⟫ knows"), &json!(["ye⟪U+2066⟫s", "no"]))
    );
    let told = t.owner.get("notifications").await?;
    assert_eq!(told["items"][0]["question"], "Is it ⟪U+202E⟫safe?");
    answer(&t.owner, &request, &json!({ "option": 0 })).await?.ok()?;
    let kept: String = sqlx::query_scalar("SELECT answer ->> 'text' FROM approvals").fetch_one(&t.platform.db).await?;
    assert_eq!(kept, "ye\u{2066}s", "what was offered is what is answered");
    t.platform.still_runs()
}

#[tokio::test]
async fn the_first_answer_counts_and_only_of_who_answers_for_the_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let request = asked(&pod, &database(true)).await?;
    let (writer, reader) = (t.console_of("writer").await?, t.console_of("reader").await?);
    assert_eq!(answer(&reader, &request, &json!({ "option": 0 })).await?.status, StatusCode::FORBIDDEN);
    for (given, field) in [
        (json!({}), "/option"),
        (json!({ "option": 4 }), "/option"),
        (json!({ "option": 0, "text": "both" }), "/option"),
        (json!({ "text": "  " }), "/text"),
    ] {
        let refused = answer(&writer, &request, &given).await?;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{given}");
        assert_eq!(refused.body["fields"][0]["field"], field, "{given}");
    }
    let (mine, own) = (json!({ "text": "MySQL, as ever" }), json!({ "option": 0 }));
    let (first, second) = tokio::join!(answer(&writer, &request, &mine), answer(&t.owner, &request, &own));
    let statuses = [first?.status, second?.status];
    assert!(statuses.contains(&StatusCode::OK) && statuses.contains(&StatusCode::CONFLICT), "{statuses:?}");
    let late = answer(&writer, &request, &own).await?;
    let title = late.body["title"].as_str().unwrap_or_default();
    assert!(late.status == StatusCode::CONFLICT && title.contains("has answered already"), "{title}");
    let sql = "SELECT count(*) FROM flow_events WHERE run_id = $1 AND kind = 'request.answered'";
    let rows: i64 = sqlx::query_scalar(sql).bind(pod.lease.run.0).fetch_one(&t.platform.db).await?;
    assert_eq!(rows, 1);
    // Answered before the agent's turn was over: the run does not stay away.
    let run = pod.lease.run;
    pod.wait(&t).await?;
    assert_eq!(status(&t, run).await?, "pending");
    t.platform.still_runs()
}

#[tokio::test]
async fn an_answer_within_seconds_comes_back_at_once() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let answering = async {
        let mut open = Value::Null;
        stories::until("the question", async || {
            open = t.owner.get("approvals?state=open").await?;
            Ok(open["items"][0].is_object())
        })
        .await?;
        answer(&t.owner, &id_of(&open["items"][0])?, &json!({ "option": 0 })).await?.ok()
    };
    let question = database(false);
    let (told, answered) = tokio::join!(pod.tool("owner_feedback_request", &question), answering);
    answered?;
    // The story's own wait is a second: whoever is slower is told in the next call, which is the same request.
    let told = match told? {
        early if early["status"] == "ok" => early,
        _ => pod.tool("owner_feedback_request", &question).await?,
    };
    assert_eq!((&told["status"], &told["answer"]["text"]), (&json!("ok"), &json!("PostgreSQL")));
    let orders = pod.call(Method::POST, "beat", &json!({ "phase": "working" })).await?.ok()?;
    assert_eq!(orders["waits"], false);
    t.platform.still_runs()
}

#[tokio::test]
async fn who_waits_for_two_answers_goes_on_after_the_second_or_when_the_time_is_over() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let run = pod.lease.run;
    let first = asked(&pod, &database(false)).await?;
    let port = json!({ "question": "And on which port?", "options": ["5432", "5433"] });
    let second = asked(&pod, &port).await?;
    assert_eq!(asked(&pod, &port).await?, second, "the same question is one request");
    pod.wait(&t).await?;
    answer(&t.owner, &first, &json!({ "option": 0 })).await?.ok()?;
    assert_eq!(status(&t, run).await?, "waiting_mcp");

    let sql = "UPDATE clock_shift SET shift = shift + interval '73 hours'";
    sqlx::query(sql).execute(&t.platform.db).await?;
    let late = answer(&t.owner, &second, &json!({ "option": 0 })).await?;
    assert_eq!((late.status, &late.body["code"]), (StatusCode::CONFLICT, &json!("already_decided")));
    let entry = || Entry::new(FlowKind::RequestExpired, "worker:story", json!({}));
    assert_eq!(approvals::expire(&t.platform.db, &entry()).await?, Some(run));
    assert_eq!(approvals::expire(&t.platform.db, &entry()).await?, None);
    assert_eq!(status(&t, run).await?, "pending");
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let afresh = context["answers"].as_str().context("no answers")?;
    assert!(afresh.contains("PostgreSQL") && afresh.contains("Nobody decided in time"), "{afresh}");
    t.platform.still_runs()
}

#[tokio::test]
async fn an_answer_that_was_told_after_the_session_was_kept_is_told_again() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let keeping = format!("session?path={PATH}&session_id={SESSION}");
    assert_eq!(pod.keep(&keeping, 1, b"what was said so far").await?, StatusCode::NO_CONTENT);
    let request = asked(&pod, &database(false)).await?;
    answer(&t.owner, &request, &json!({ "option": 1 })).await?.ok()?;
    assert_eq!(pod.tool("owner_feedback_request", &database(false)).await?["status"], "ok");
    // The pod is lost before its session is kept once more.
    pod.vanish(&t).await?;
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let message = context["resume"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(&request) && message.contains("SQLite"), "{context}");
    assert_eq!(pod.keep(&keeping, 2, b"the answer is known").await?, StatusCode::NO_CONTENT);
    pod.vanish(&t).await?;
    let pod = Pod::launch(&t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert!(context["resume"]["message"].as_str().is_some_and(|message| !message.contains("SQLite")), "{context}");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_was_asked_ends_with_its_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let run = pod.lease.run;
    let request = asked(&pod, &database(false)).await?;
    pod.wait(&t).await?;
    t.owner.post(&format!("runs/{run}/cancel"), &json!({})).await?;
    assert_eq!(status(&t, run).await?, "cancelled");
    assert_eq!(t.owner.get(&format!("approvals/{request}")).await?["state"], "withdrawn");
    let late = answer(&t.owner, &request, &json!({ "option": 0 })).await?;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(t.owner.get("approvals").await?["open"], 0);
    t.platform.still_runs()
}

#[tokio::test]
async fn nobody_is_asked_without_end() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    for number in 0..domain::approvals::MOST_OPEN {
        asked(&pod, &json!({ "question": format!("Question number {number}?"), "options": ["yes", "no"] })).await?;
    }
    let more = pod.tool("owner_feedback_request", &database(false)).await?;
    assert_eq!((&more["status"], &more["code"]), (&json!("error"), &json!("not_asked")));
    let wrong = json!({ "question": "Why?", "options": ["yes"], "hint": "x" });
    let wrong = pod.tool("owner_feedback_request", &wrong).await?;
    let fields: Vec<_> =
        wrong["fields"].as_array().into_iter().flatten().filter_map(|one| one["field"].as_str()).collect();
    assert_eq!(fields.len(), 3, "{wrong}");
    t.platform.still_runs()
}
