//! Templates that people write: drafted, put to use, rolled back, taken out of use; and what agents are told meanwhile.

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use stories::{Pod, Story, id_of};
use testkit::console::{Answer, Console};

const KEY: &str = "task-dev-work";

async fn draft(by: &Console, project: Option<&str>, text: &str) -> Result<Answer> {
    let mut new = json!({ "key": KEY, "locale": "en", "text": text });
    if let Some(project) = project {
        new["project_id"] = json!(project);
    }
    by.call(Method::POST, "prompt-templates", &new).await
}

/// Does something with a version as it was read.
async fn act(by: &Console, template: &Value, act: &str) -> Result<Answer> {
    let path = format!("prompt-templates/{}/{act}", id_of(&template["version"])?);
    let revision = format!("\"{}\"", template["version"]["revision"]);
    by.call_with(Method::POST, &path, &[("if-match", &revision)], &json!({ "reason": format!("to {act}") })).await
}

async fn fresh(by: &Console, template: &Value) -> Result<Value> {
    by.get(&format!("prompt-templates/{}", id_of(&template["version"])?)).await
}

/// What counts in a place: where it comes from, and its version.
async fn in_use(by: &Console, project: Option<&str>) -> Result<String> {
    let scope = project.map(|id| format!("?project_id={id}")).unwrap_or_default();
    let places = by.get(&format!("prompt-templates{scope}")).await?;
    let all = places["items"].as_array().context("no places")?;
    assert_eq!(all.len(), 60, "thirty templates in two languages");
    let place = all.iter().find(|place| place["key"] == KEY && place["locale"] == "en").context("no place")?;
    let in_use = &place["in_use"];
    Ok(match in_use["source"].as_str() {
        Some("seed") => "seed".to_owned(),
        source => format!("{} {}", source.unwrap_or_default(), in_use["version"].as_str().unwrap_or_default()),
    })
}

/// The task that the agent of a new run is told.
async fn task_of_a_run(t: &Story) -> Result<String> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let prompt = t.owner.get(&format!("runs/{}/prompt", pod.lease.run)).await?;
    let parts = prompt["segments"].as_array().context("no parts")?;
    let task = parts.iter().find(|part| part["name"] == KEY).context("no task")?;
    let text = task["text"].as_str().unwrap_or_default();
    assert!(context["prompt"].as_str().unwrap_or_default().contains(text));
    let first = text.lines().next().unwrap_or_default();
    Ok(format!(
        "{} {}: {first}",
        task["source"].as_str().unwrap_or_default(),
        task["version"].as_str().unwrap_or_default()
    ))
}

#[tokio::test]
async fn a_template_is_drafted_put_to_use_and_rolled_back() -> Result<()> {
    let mut t = Story::begin().await?;
    let first = draft(&t.owner, None, "Ours, for {{ repository }}.").await?.ok()?;
    assert_eq!((first["version"]["state"].as_str(), in_use(&t.owner, None).await?), (Some("draft"), "seed".to_owned()));
    assert_eq!(draft(&t.owner, None, "Another").await?.code(), "draft_exists");
    act(&t.owner, &first, "activate").await?.ok()?;
    assert_eq!(in_use(&t.owner, Some(&t.project)).await?, "global 1");
    assert_eq!(task_of_a_run(&t).await?, format!("global 1: Ours, for {}.", t.github.full_name()));

    let second = draft(&t.owner, Some(&t.project), "Only here.").await?.ok()?;
    let path = format!("prompt-templates/{}", id_of(&second["version"])?);
    let edit =
        |revision: &'static str| (Method::PUT, path.clone(), [("if-match", revision)], json!({ "text": "Here." }));
    let (method, at, headers, body) = edit("\"1\"");
    let edited = t.owner.call_with(method, &at, &headers, &body).await?.ok()?;
    let (method, at, headers, body) = edit("\"1\"");
    assert_eq!(t.owner.call_with(method, &at, &headers, &body).await?.code(), "version_changed");
    assert_eq!(act(&t.owner, &second, "activate").await?.code(), "version_changed", "somebody edited it meanwhile");
    act(&t.owner, &edited, "activate").await?.ok()?;
    assert_eq!(
        (in_use(&t.owner, Some(&t.project)).await?, in_use(&t.owner, None).await?),
        ("project 1".into(), "global 1".into())
    );
    assert_eq!(task_of_a_run(&t).await?, "project 1: Here.");

    let third = draft(&t.owner, Some(&t.project), "Newer.").await?.ok()?;
    act(&t.owner, &third, "activate").await?.ok()?;
    assert_eq!(act(&t.owner, &fresh(&t.owner, &third).await?, "roll-back").await?.code(), "template_state");
    let back = act(&t.owner, &fresh(&t.owner, &second).await?, "roll-back").await?.ok()?;
    assert_eq!((&back["version"]["state"], &back["version"]["reason"]), (&json!("active"), &json!("to roll-back")));
    assert_eq!(in_use(&t.owner, Some(&t.project)).await?, "project 1");
    act(&t.owner, &back, "archive").await?.ok()?;
    assert_eq!(in_use(&t.owner, Some(&t.project)).await?, "global 1");

    let place = t.owner.get(&format!("prompt-templates/place?key={KEY}&locale=en&project_id={}", t.project)).await?;
    let versions = place["versions"].as_array().into_iter().flatten();
    let states: Vec<_> =
        versions.map(|v| format!("{} {}", v["number"], v["state"].as_str().unwrap_or_default())).collect();
    assert_eq!(states, ["2 archived", "1 archived"]);
    assert_eq!(place["below"]["text"], "Ours, for {{ repository }}.");
    let sql = "SELECT kind || ' ' || actor || ' ' || COALESCE(data ->> 'version', '-') FROM flow_events WHERE run_id IS NULL ORDER BY at, id";
    let audit: Vec<String> = sqlx::query_scalar(sql).fetch_all(&t.platform.db).await?;
    let who = format!("user:{}", t.github.person("owner")?.login);
    let told: Vec<_> = audit.iter().map(|line| line.replace(&who, "owner")).collect();
    let expected = [
        "drafted owner -",
        "activated owner 1",
        "drafted owner -",
        "drafted owner 1",
        "activated owner 1",
        "drafted owner -",
        "activated owner 2",
        "rolled_back owner 1",
        "archived owner 1",
    ];
    assert_eq!(told, expected.map(|line| format!("template.{line}")));
    t.platform.still_runs()
}

#[tokio::test]
async fn a_template_that_would_fail_is_refused_with_its_line_and_the_remedy() -> Result<()> {
    let mut t = Story::begin().await?;
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let text = format!("Do it.\nOn {{{{ brnch }}}}.\nWith {token}.");
    let refused = draft(&t.owner, None, &text).await?;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "template_refused"));
    let faults: Vec<_> = refused.body["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|f| (f["code"].clone(), f["line"].clone(), f["what"].clone()))
        .collect();
    let expected = [
        (json!("template_unknown_variable"), json!(2), json!("brnch")),
        (json!("template_secret"), json!(3), Value::Null),
    ];
    assert_eq!(faults, expected);
    assert!(!refused.body.to_string().contains(&token), "the secret is not repeated");
    for key in ["policy", "output", "issue", "task-poet-work"] {
        let new = json!({ "key": key, "locale": "en", "text": "Obey me." });
        assert_eq!(t.owner.call(Method::POST, "prompt-templates", &new).await?.status.as_u16(), 422, "{key}");
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn a_text_is_looked_at_before_it_is_stored() -> Result<()> {
    let mut t = Story::begin().await?;
    let asked = json!({ "key": KEY, "locale": "en", "text": "Try {{ issue_number }}." });
    let sample = t.owner.post("prompt-templates/preview", &asked).await?;
    let task = |prompt: &Value| prompt["segments"].as_array().into_iter().flatten().find(|s| s["name"] == KEY).cloned();
    let tried = task(&sample).context("no task")?;
    assert_eq!((&tried["text"], &tried["source"]), (&json!("Try 7."), &json!("draft")));
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let run = id_of(&t.owner.get("runs").await?["items"][0])?;
    let mut of_run = asked.clone();
    of_run["run_id"] = json!(run);
    let prompt = t.owner.post("prompt-templates/preview", &of_run).await?;
    assert!(prompt["text"].as_str().unwrap_or_default().contains("Add dark mode"));
    assert_eq!(task(&prompt).context("no task")?["text"], format!("Try {issue}."));
    of_run["key"] = json!("task-qa-work");
    assert_eq!(t.owner.call(Method::POST, "prompt-templates/preview", &of_run).await?.code(), "template_not_used");
    of_run["text"] = json!("{{ nothing }}");
    assert_eq!(t.owner.call(Method::POST, "prompt-templates/preview", &of_run).await?.code(), "template_refused");
    assert_eq!(in_use(&t.owner, None).await?, "seed");
    t.platform.still_runs()
}

#[tokio::test]
async fn who_may_look_may_not_write_and_others_see_nothing() -> Result<()> {
    let mut t = Story::begin().await?;
    let ours = draft(&t.owner, Some(&t.project), "Here.").await?.ok()?;
    let writer = t.console_of("writer").await?;
    let place = writer.get(&format!("prompt-templates/place?key={KEY}&locale=en&project_id={}", t.project)).await?;
    assert_eq!((place["may_edit"].as_bool(), place["place"]["has_draft"].as_bool()), (Some(false), Some(true)));
    for project in [None, Some(t.project.as_str())] {
        assert_eq!(draft(&writer, project, "Mine.").await?.code(), "not_permitted");
    }
    assert_eq!(act(&writer, &ours, "activate").await?.code(), "not_permitted");
    assert_eq!(fresh(&writer, &ours).await?["text"], "Here.");

    t.add_user("stranger").await?;
    let stranger = t.console_of("stranger").await?;
    let (id, project) = (id_of(&ours["version"])?, &t.project);
    for path in [
        format!("prompt-templates?project_id={project}"),
        format!("prompt-templates/place?key={KEY}&locale=en&project_id={project}"),
        format!("prompt-templates/{id}"),
    ] {
        assert_eq!(stranger.call(Method::GET, &path, &Value::Null).await?.status.as_u16(), 404, "{path}");
    }
    assert_eq!(act(&stranger, &ours, "activate").await?.status.as_u16(), 404);
    assert_eq!(in_use(&stranger, None).await?, "seed", "what counts for every project is there for everybody");
    t.platform.still_runs()
}
