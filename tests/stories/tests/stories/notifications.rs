//! What people are told: by agents, and by runs and requests that need them. Each is told once, may read it, and says what
//! they want to hear of.

use anyhow::{Context, Result};
use futures::StreamExt;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Pod, Story, id_of};
use testkit::console::Console;

/// A run of the writer's, and its pod.
async fn working(t: &Story) -> Result<Pod> {
    let issue = t.open_issue("Tell me when it is done").await?;
    t.label("writer", issue, "run:dev").await?;
    Pod::launch(t).await
}

fn done() -> Value {
    json!({ "kind": "completion", "summary": "The import streams now", "details": "It takes **2 s** instead of \u{202E}40." })
}

/// What somebody was told, newest first, unread ones with a mark, and how many are unread.
async fn told(who: &Console) -> Result<(Vec<String>, i64)> {
    let page = who.get("notifications").await?;
    let line = |one: &Value| {
        let mark = if one["read"] == true { "" } else { "*" };
        format!("{mark}{}", one["kind"].as_str().unwrap_or_default())
    };
    let lines = page["items"].as_array().into_iter().flatten().map(line).collect();
    Ok((lines, page["unread"].as_i64().context("no count")?))
}

async fn read(who: &Console, what: &Value) -> Result<testkit::console::Answer> {
    who.call(Method::POST, "notifications/read", what).await
}

#[tokio::test]
async fn what_an_agent_says_is_told_once_to_those_who_answer_for_its_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let stranger = t.add_user("stranger").await?;
    let other = id_of(&t.owner.post("projects", &json!({ "slug": "other", "name": "Other" })).await?)?;
    let path = format!("projects/{other}/members/{stranger}");
    t.owner.call(Method::PUT, &path, &json!({ "role": "admin" })).await?.ok()?;
    let people = ["writer", "reader", "stranger"];
    let [writer, reader, stranger] = futures::future::try_join_all(people.map(|name| t.console_of(name)))
        .await?
        .try_into()
        .map_err(|_| anyhow::anyhow!("not three"))?;

    assert_eq!(pod.tool("user_notify", &done()).await?["status"], "ok");
    assert_eq!(pod.tool("user_notify", &done()).await?["status"], "ok");
    for who in [&t.owner, &writer] {
        assert_eq!(told(who).await?, (vec!["*completion".to_owned()], 1));
    }
    for who in [&reader, &stranger] {
        assert_eq!(told(who).await?, (vec![], 0));
    }
    let one = t.owner.get("notifications?unread=true").await?["items"][0].clone();
    assert_eq!(one["details"], "It takes **2 s** instead of ⟪U+202E⟫40.", "nothing is hidden from them");
    assert_eq!((&one["summary"], &one["run_id"]), (&json!("The import streams now"), &json!(pod.lease.run)));
    let id = json!(id_of(&one)?);

    assert_eq!(read(&stranger, &json!({ "ids": [id] })).await?.ok()?["unread"], 0);
    assert_eq!(told(&writer).await?.1, 1, "nobody reads for another");
    assert_eq!(read(&t.owner, &json!({ "ids": [id] })).await?.ok()?["unread"], 0);
    assert_eq!(told(&t.owner).await?, (vec!["completion".to_owned()], 0));
    assert_eq!(told(&writer).await?.1, 1);
    assert_eq!(t.owner.get("notifications?unread=true").await?["items"], json!([]));

    let calls = "SELECT count(*) FROM flow_events WHERE kind = 'tool.called' AND data ->> 'tool' = 'user_notify'";
    let calls: i64 = sqlx::query_scalar(calls).fetch_one(&t.platform.db).await?;
    assert_eq!(calls, 2, "each call is audited");
    assert_eq!(store::flow::first_break(&t.platform.db, pod.lease.run).await?, None);
    // Who is no member any more is told nothing, not even what they were told.
    let writer_id = id_of(&writer.get("me").await?)?;
    let path = format!("projects/{}/members/{writer_id}", t.project);
    t.owner.call(Method::DELETE, &path, &Value::Null).await?.ok()?;
    assert_eq!(told(&writer).await?, (vec![], 0));
    t.platform.still_runs()
}

#[tokio::test]
async fn a_question_is_told_to_those_who_may_answer_until_somebody_has() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let (writer, reader) = (t.console_of("writer").await?, t.console_of("reader").await?);
    let question = json!({ "question": "Which database is it?", "options": ["PostgreSQL", "SQLite"] });
    let asked = pod.tool("owner_feedback_request", &question).await?;
    let request = asked["request_id"].as_str().context("not asked")?;
    for who in [&t.owner, &writer] {
        assert_eq!(told(who).await?, (vec!["*question".to_owned()], 1));
    }
    assert_eq!(told(&reader).await?, (vec![], 0));
    let one = t.owner.get("notifications").await?["items"][0].clone();
    assert_eq!((&one["request_id"], &one["question"]), (&json!(request), &question["question"]));

    let answer = json!({ "option": 0 });
    writer.call(Method::POST, &format!("approvals/{request}/answer"), &answer).await?.ok()?;
    assert_eq!(told(&t.owner).await?, (vec!["question".to_owned()], 0), "nothing is left to do");
    t.platform.still_runs()
}

#[tokio::test]
async fn leave_that_is_asked_is_told_to_those_who_may_give_it_and_not_when_it_is_gone() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let people = (t.console_of("writer").await?, t.console_of("reader").await?);
    let wish = json!({ "labels": ["area:ui"], "why": "It is about the interface." });
    let asked = pod.tool("github_labels_add", &wish).await?;
    let request = asked["request_id"].as_str().context("not asked")?;
    let mut seen = t.owner.get(&format!("approvals/{request}")).await?["action"].take();
    // Who says that they have to be asked stands on the request's own page.
    seen.as_object_mut().and_then(|action| action.remove("because")).context("nobody says so")?;
    let may = |who: &Value| who["may_decide"] == true;
    for who in [&t.owner, &people.0, &people.1] {
        let expected = i64::from(may(&who.get(&format!("approvals/{request}")).await?));
        assert_eq!(told(who).await?.1, expected, "whoever may decide is told, and nobody else");
    }
    let one = t.owner.get("notifications").await?["items"][0].clone();
    assert_eq!((&one["kind"], &one["action"]), (&json!("action"), &seen));
    let run = pod.lease.run;
    pod.wait(&t).await?;
    t.owner.post(&format!("runs/{run}/cancel"), &json!({})).await?;
    assert_eq!(told(&t.owner).await?, (vec!["action".to_owned()], 0));
    t.platform.still_runs()
}

#[tokio::test]
async fn who_does_not_want_to_hear_of_something_is_not_told() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let writer = t.console_of("writer").await?;
    let by_default = writer.get("notifications/choices").await?;
    assert_eq!((&by_default["question"], &by_default["status_update"]), (&json!(true), &json!(false)));
    let status = json!({ "kind": "status_update", "summary": "Half of it is done" });
    pod.tool("user_notify", &status).await?;
    let chosen = json!({ "completion": false, "status_update": true });
    let chosen = writer.call(Method::PUT, "notifications/choices", &chosen).await?.ok()?;
    assert_eq!((&chosen["completion"], &chosen["warning"]), (&json!(false), &json!(true)));
    pod.tool("user_notify", &done()).await?;
    pod.tool("user_notify", &json!({ "kind": "status_update", "summary": "Nearly all of it is" })).await?;
    assert_eq!(told(&writer).await?.0, ["*status_update"]);
    assert_eq!(told(&t.owner).await?.0, ["*completion"], "everybody chooses for themselves");
    let unknown = writer.call(Method::PUT, "notifications/choices", &json!({ "everything": true })).await?;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    t.platform.still_runs()
}

#[tokio::test]
async fn all_up_to_one_are_read_at_once_and_pages_follow_each_other() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    for number in 1..=3 {
        pod.tool("user_notify", &json!({ "kind": "warning", "summary": format!("Warning {number}") })).await?;
    }
    let first = t.owner.get("notifications?limit=2").await?;
    let cursor = first["next_cursor"].as_str().context("no next page")?;
    let second = t.owner.get(&format!("notifications?limit=2&cursor={cursor}")).await?;
    let summaries: Vec<_> =
        [&first, &second].iter().flat_map(|page| page["items"].as_array().into_iter().flatten()).collect();
    let summaries: Vec<_> = summaries.iter().map(|one| one["summary"].as_str().unwrap_or_default()).collect();
    assert_eq!(summaries, ["Warning 3", "Warning 2", "Warning 1"]);
    let up_to = json!({ "up_to": id_of(&first["items"][1])? });
    assert_eq!(read(&t.owner, &up_to).await?.ok()?["unread"], 1);
    assert_eq!(told(&t.owner).await?.0, ["*warning", "warning", "warning"]);

    let neither = read(&t.owner, &json!({})).await?;
    assert_eq!(
        (neither.status, &neither.body["fields"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("/up_to"))
    );
    let both = json!({ "ids": [up_to["up_to"]], "up_to": up_to["up_to"] });
    assert_eq!(read(&t.owner, &both).await?.status, StatusCode::UNPROCESSABLE_ENTITY);
    let writer = t.console_of("writer").await?;
    let gone = json!({ "up_to": uuid::Uuid::now_v7() });
    assert_eq!(read(&writer, &gone).await?.status, StatusCode::NOT_FOUND);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_run_that_waits_for_its_owner_or_fails_is_told_and_seen_live() -> Result<()> {
    let mut t = Story::begin().await?;
    let live = t.owner.stream("runs/stream", None).await?;
    let (mut bytes, mut seen) = (live.bytes_stream(), String::new());
    let mut until_told = async |unread: i64| {
        let wanted = format!("event: notifications\ndata: {{\"unread\":{unread}}}");
        while !seen.contains(&wanted) {
            seen += &String::from_utf8_lossy(&bytes.next().await.context("the stream ended")??);
        }
        anyhow::Ok(())
    };
    until_told(0).await?;
    working(&t).await?.fail(&t).await?;
    until_told(1).await?;
    working(&t).await?.hand_in(&t, 90).await?;
    until_told(2).await?;
    let items = t.owner.get("notifications").await?["items"].clone();
    assert_eq!((&items[0]["kind"], &items[0]["pr_number"]), (&json!("work_waits"), &json!(90)));
    assert_eq!((&items[1]["kind"], &items[1]["reason"]), (&json!("run_failed"), &json!("agent_error")));
    // Work that nobody waits for any more needs nobody.
    let run = items[0]["run_id"].as_str().context("no run")?;
    t.owner.post(&format!("runs/{run}/cancel"), &Value::Null).await?;
    assert_eq!(told(&t.owner).await?, (vec!["work_waits".to_owned(), "*run_failed".to_owned()], 1));
    t.platform.still_runs()
}

#[tokio::test]
async fn an_agent_tells_no_more_than_enough_and_nothing_secret() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    let key = format!("sk-proj-{}", "a1B2".repeat(12));
    let said = |number: i64| json!({ "kind": "warning", "summary": format!("Number {number}"), "details": key });
    for number in 1..=domain::notices::MOST_AN_HOUR {
        assert_eq!(pod.tool("user_notify", &said(number)).await?["status"], "ok", "{number}");
    }
    let more = pod.tool("user_notify", &said(0)).await?;
    assert_eq!((&more["status"], &more["code"]), (&json!("error"), &json!("not_told")));
    assert_eq!(pod.tool("user_notify", &said(1)).await?["status"], "ok", "it was told before");
    let page = t.owner.get("notifications").await?;
    assert_eq!(page["unread"], domain::notices::MOST_AN_HOUR);
    assert!(!page.to_string().contains(&key), "{page}");
    sqlx::query("UPDATE clock_shift SET shift = '61 minutes'").execute(&t.platform.db).await?;
    assert_eq!(pod.tool("user_notify", &said(0)).await?["status"], "ok");
    for (wrong, field) in [
        (json!({ "kind": "hint", "summary": "Look here" }), "/kind"),
        (json!({ "kind": "warning", "summary": "    " }), "/summary"),
        (json!({ "kind": "warning" }), "/summary"),
    ] {
        let refused = pod.tool("user_notify", &wrong).await?;
        assert_eq!((&refused["code"], &refused["fields"][0]["field"]), (&json!("invalid_input"), &json!(field)));
    }
    t.platform.still_runs()
}
