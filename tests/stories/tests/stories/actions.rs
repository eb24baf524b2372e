//! What agents ask leave for: decided by who answers for the project, done once and exactly as approved, told in the same
//! session.

mod once;

use std::time::Duration;

use anyhow::{Context, Result};
use domain::approvals::ApprovalState;
use domain::flow::FlowKind;
use domain::ids::RunId;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::approvals::apply::{self, Applied, ToApply};
use store::flow::Entry;
use store::outbound::LabelChange;
use stories::{Pod, Story};
use testkit::console::{Answer, Console};

/// A run of the writer's, and its pod.
async fn working(t: &Story) -> Result<(u64, Pod)> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    Ok((issue, Pod::launch(t).await?))
}

fn area() -> Value {
    json!({ "labels": ["area:ui"], "why": "It is about the interface." })
}

/// The agent asks for leave to put a label on; the request as people see it.
async fn asked(t: &Story, pod: &Pod) -> Result<Value> {
    let told = pod.tool("github_labels_add", &area()).await?;
    anyhow::ensure!(told["status"] == "approval_required", "{told}");
    t.owner.get(&format!("approvals/{}", told["request_id"].as_str().context("no request")?)).await
}

async fn decide(who: &Console, request: &Value, decision: &str, words: Option<&str>) -> Result<Answer> {
    let path = format!("approvals/{}/decision", request["id"].as_str().context("no id")?);
    let mut given = json!({ "decision": decision, "digest": request["action"]["digest"] });
    if let Some(words) = words {
        given["words"] = json!(words);
    }
    who.call(Method::POST, &path, &given).await
}

async fn status(t: &Story, run: RunId) -> Result<String> {
    Ok(t.owner.get(&format!("runs/{run}")).await?["status"].as_str().unwrap_or_default().to_owned())
}

async fn claimed(t: &Story, seconds: u64) -> Result<Option<ToApply>> {
    Ok(apply::claim(&t.platform.db, "story", Duration::from_secs(seconds)).await?)
}

/// The worker that holds the action says what became of it; whether it still held it.
async fn settled(t: &Story, action: &ToApply, state: ApprovalState) -> Result<bool> {
    let flow = Entry::new(FlowKind::RequestApplied, "worker:story", json!({ "request": action.id, "state": state }));
    let applied = Applied { state, trouble: None, labels: LabelChange::of(&[], &["area:ui"]), result: None, flow };
    Ok(apply::settle(&t.platform.db, action, &applied).await?)
}

/// What the agent is told in its next launch.
async fn told(t: &Story) -> Result<String> {
    let pod = Pod::launch(t).await?;
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    Ok(context["answers"].as_str().context("nothing is told")?.to_owned())
}

async fn audited(t: &Story, run: RunId, kind: FlowKind) -> Result<i64> {
    let sql = "SELECT count(*) FROM flow_events WHERE run_id = $1 AND kind = $2";
    Ok(sqlx::query_scalar(sql).bind(run.0).bind(kind.as_str()).fetch_one(&t.platform.db).await?)
}

#[tokio::test]
async fn leave_is_given_for_exactly_what_was_asked_and_the_run_goes_on_when_it_is_done() -> Result<()> {
    let mut t = Story::begin().await?;
    let (issue, pod) = working(&t).await?;
    let run = pod.lease.run;
    let request = asked(&t, &pod).await?;
    assert_eq!((&request["kind"], &request["state"]), (&json!("action"), &json!("requested")));
    let labels = json!({ "number": issue, "adds": ["area:ui"], "removes": [] });
    assert_eq!((&request["action"]["labels"], &request["action"]["mode"]), (&labels, &json!("owner")));
    assert_eq!(request["action"]["why"], "It is about the interface.");
    pod.wait(&t).await?;

    let (writer, reader) = (t.console_of("writer").await?, t.console_of("reader").await?);
    for person in [&writer, &reader] {
        assert_eq!(decide(person, &request, "approve", None).await?.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(writer.get("approvals").await?["open"], 0, "who started the run does not manage the project");
    let mut other = request.clone();
    other["action"]["digest"] = json!("0".repeat(64));
    let refused = decide(&t.owner, &other, "approve", None).await?;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("digest_differs")));
    let path = format!("approvals/{}/answer", request["id"].as_str().unwrap_or_default());
    let answered = t.owner.call(Method::POST, &path, &json!({ "text": "yes" })).await?;
    assert_eq!((answered.status, &answered.body["code"]), (StatusCode::CONFLICT, &json!("other_kind")));

    let approved = decide(&t.owner, &request, "approve", None).await?.ok()?;
    let owner = &t.github.person("owner")?.login;
    assert_eq!((&approved["state"], &approved["decided_by"]), (&json!("approved"), &json!(owner)));
    assert_eq!(status(&t, run).await?, "waiting_mcp", "it is not done yet");
    let action = claimed(&t, 60).await?.context("nothing is to be done")?;
    assert!(apply::begin(&t.platform.db, &action).await? && settled(&t, &action, ApprovalState::Applied).await?);
    assert_eq!(status(&t, run).await?, "pending");
    let (owner, told) = (owner.clone(), told(&t).await?);
    assert!(
        told.contains("`area:ui`") && told.contains(&format!("@{owner} approved it, and the platform has done it")),
        "{told}"
    );
    assert_eq!(store::flow::first_break(&t.platform.db, run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn who_says_no_is_heard_in_their_own_words_and_nobody_undoes_it() -> Result<()> {
    let mut t = Story::begin().await?;
    let (_, pod) = working(&t).await?;
    let run = pod.lease.run;
    let request = asked(&t, &pod).await?;
    pod.wait(&t).await?;
    let denied = decide(&t.owner, &request, "deny", Some("Areas are mine to choose.")).await?.ok()?;
    assert_eq!((&denied["state"], &denied["answer"]["text"]), (&json!("denied"), &json!("Areas are mine to choose.")));
    let late = decide(&t.owner, &request, "approve", None).await?;
    let title = late.body["title"].as_str().unwrap_or_default();
    assert!(late.status == StatusCode::CONFLICT && title.contains("has denied it already"), "{title}");
    assert_eq!((status(&t, run).await?.as_str(), claimed(&t, 60).await?.is_none()), ("pending", true));
    let told = told(&t).await?;
    assert!(told.contains("Areas are mine to choose.") && told.contains("<<<DATA"), "{told}");
    t.platform.still_runs()
}

#[tokio::test]
async fn two_who_decide_at_once_decide_once_and_a_worker_that_dies_is_followed_by_another() -> Result<()> {
    let mut t = Story::begin().await?;
    let (_, pod) = working(&t).await?;
    let run = pod.lease.run;
    let request = asked(&t, &pod).await?;
    pod.wait(&t).await?;
    let again = t.console_of("owner").await?;
    let (first, second) =
        tokio::join!(decide(&t.owner, &request, "approve", None), decide(&again, &request, "approve", None));
    let mut statuses = [first?.status, second?.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CONFLICT]);
    assert_eq!(audited(&t, run, FlowKind::RequestApproved).await?, 1);

    // Each of the first two workers dies: after its claim, and after the first touch.
    let claimed_only = claimed(&t, 0).await?.context("nothing is to be done")?;
    let touched = claimed(&t, 0).await?.context("the lease is over")?;
    assert!(!apply::begin(&t.platform.db, &claimed_only).await?, "a stale lease begins nothing");
    assert!(apply::begin(&t.platform.db, &touched).await?);
    let last = claimed(&t, 60).await?.context("the lease is over")?;
    assert!(last.begun && last.lease_token == claimed_only.lease_token + 2);
    assert!(claimed(&t, 60).await?.is_none(), "one worker at a time");
    assert!(!settled(&t, &touched, ApprovalState::Applied).await?);
    assert!(settled(&t, &last, ApprovalState::Applied).await? && !settled(&t, &last, ApprovalState::Failed).await?);
    assert_eq!(audited(&t, run, FlowKind::RequestApplied).await?, 1);
    assert_eq!(status(&t, run).await?, "pending");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_changed_in_between_is_asked_anew() -> Result<()> {
    let mut t = Story::begin().await?;
    let (issue, pod) = working(&t).await?;
    let run = pod.lease.run;
    let request = asked(&t, &pod).await?;
    let edit = json!({ "body": "Please, but in blue." });
    t.heard("edited", async || t.github.api("writer", Method::PATCH, &format!("/issues/{issue}"), &edit).await).await?;
    let id = request["id"].as_str().unwrap_or_default();
    assert_eq!(t.owner.get(&format!("approvals/{id}")).await?["state"], "stale");
    assert!(t.ledger().await?.ends_with("issues.edited → effected requests_stale"), "{}", t.ledger().await?);
    assert_eq!(decide(&t.owner, &request, "approve", None).await?.status, StatusCode::CONFLICT);
    let anew = asked(&t, &pod).await?;
    assert!(anew["id"] != request["id"] && anew["action"]["digest"] != request["action"]["digest"], "{anew}");
    // Cancelled between leave and effect: nothing is done.
    decide(&t.owner, &anew, "approve", None).await?.ok()?;
    pod.wait(&t).await?;
    t.owner.post(&format!("runs/{run}/cancel"), &json!({})).await?;
    assert!(claimed(&t, 60).await?.is_none());
    let path = format!("approvals/{}", anew["id"].as_str().unwrap_or_default());
    assert_eq!(t.owner.get(&path).await?["state"], "withdrawn");
    t.platform.still_runs()
}

#[tokio::test]
async fn what_a_worker_has_not_begun_is_not_done_after_the_run_was_stopped() -> Result<()> {
    let mut t = Story::begin().await?;
    for put_off in [true, false] {
        let (_, pod) = working(&t).await?;
        let request = asked(&t, &pod).await?;
        decide(&t.owner, &request, "approve", None).await?.ok()?;
        let action = claimed(&t, 60).await?.context("nothing is to be done")?;
        if put_off {
            assert!(apply::postpone(&t.platform.db, &action, chrono::Utc::now(), false).await?);
        }
        let run = pod.lease.run;
        pod.wait(&t).await?;
        t.owner.post(&format!("runs/{run}/cancel"), &json!({})).await?;
        assert!(!apply::begin(&t.platform.db, &action).await? && claimed(&t, 60).await?.is_none());
        let path = format!("approvals/{}", request["id"].as_str().unwrap_or_default());
        assert_eq!(t.owner.get(&path).await?["state"], "withdrawn");
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn an_agent_moves_what_is_its_own_and_never_what_starts_runs() -> Result<()> {
    let mut t = Story::begin().await?;
    let (issue, pod) = working(&t).await?;
    let own = pod.tool("github_labels_add", &json!({ "labels": ["state:blocked"] })).await?;
    assert_eq!((&own["status"], &own["number"]), (&json!("ok"), &json!(issue)));
    let wished = "SELECT payload FROM outbound_actions WHERE kind = 'labels' AND run_id = $1 ORDER BY created_at DESC";
    let wished: Value = sqlx::query_scalar(wished).bind(pod.lease.run.0).fetch_one(&t.platform.db).await?;
    assert_eq!(wished, json!({ "on": ["state:blocked"], "off": [] }));
    let nothing = pod.tool("github_labels_remove", &json!({ "labels": ["not-there"] })).await?;
    assert_eq!(nothing["note"], "It is so already.");
    t.label("writer", issue, "need:input").await?;
    let others = pod.tool("github_labels_remove", &json!({ "labels": ["need:input"] })).await?;
    assert_eq!(others["status"], "approval_required");
    for starts in ["run:qa", "need:reviewer", "mode:discussion"] {
        let refused = pod.tool("github_labels_transition", &json!({ "add": [starts], "remove": [] })).await?;
        assert_eq!(refused["code"], "labels_not_movable", "{refused}");
    }
    let foreign = pod.tool("github_labels_add", &json!({ "number": issue + 1, "labels": ["x"] })).await?;
    assert_eq!(foreign["code"], "not_yours");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_project_lets_its_agents_move_labels_of_its_choice_and_no_others() -> Result<()> {
    let mut t = Story::begin().await?;
    let path = format!("projects/{}", t.project);
    let change = async |labels: Value| {
        let version = format!("\"{}\"", t.owner.get(&path).await?["version"]);
        t.owner.call_with(Method::PATCH, &path, &[("if-match", &version)], &json!({ "agent_labels": labels })).await
    };
    let refused = change(json!(["area:ui", "run:qa", "state:approved", "[ai-model-x]", "a,b"])).await?;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "label_not_free"));
    let fields: Vec<_> = refused.body["fields"].as_array().into_iter().flatten().map(|one| &one["field"]).collect();
    assert_eq!(fields, ["/agent_labels/1", "/agent_labels/2", "/agent_labels/3", "/agent_labels/4"]);
    assert_eq!(change(json!(["area:ui"])).await?.ok()?["agent_labels"], json!(["area:ui"]));

    let (_, pod) = working(&t).await?;
    let moved = pod.tool("github_labels_add", &area()).await?;
    assert_eq!(moved["status"], "ok", "{moved}");
    assert_eq!(t.owner.get("approvals").await?["items"], json!([]), "nobody is asked");
    let other = json!({ "labels": ["area:api"], "why": "It is about the interface." });
    assert_eq!(pod.tool("github_labels_add", &other).await?["status"], "approval_required");
    t.platform.still_runs()
}
