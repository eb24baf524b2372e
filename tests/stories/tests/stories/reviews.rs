//! What people decide about a pull request, and what follows from it.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::ids::RunId;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Pod, Story};

const SESSION: &str = "0192f0c1-2222-7333-8444-0123456789ab";
const PATH: &str = "sessions/2026/11/22/rollout-2026-11-22T03-12-24-0192f0c1.jsonl";

/// An issue whose stage has been worked on, with the pull request in which the work waits.
pub(crate) struct Work {
    pub(crate) issue: u64,
    pub(crate) pull: u64,
    branch: String,
    pub(crate) run: RunId,
}

/// A stage's run from its label to the work that waits for its owner.
pub(crate) async fn handed_in(t: &Story, label: &str) -> Result<Work> {
    let issue = t.open_issue("Add dark mode").await?;
    worked_on(t, issue, label).await
}

/// The same on an issue that is there.
async fn worked_on(t: &Story, issue: u64, label: &str) -> Result<Work> {
    t.label("writer", issue, label).await?;
    let pod = Pod::launch(t).await?;
    let keeping = format!("session?path={PATH}&session_id={SESSION}");
    assert_eq!(pod.keep(&keeping, 1, b"what was said so far").await?, StatusCode::NO_CONTENT);
    let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
    let branch = context["branch"].as_str().context("no branch")?.to_owned();
    let (run, pull) = (pod.lease.run, offer(t, "bot", &branch, issue).await?);
    pod.hand_in(t, pull).await?;
    Ok(Work { issue, pull, branch, run })
}

async fn merge(t: &Story, pull: u64) -> Result<()> {
    let path = format!("/pulls/{pull}/merge");
    t.heard("closed", async || t.github.api("owner", Method::PUT, &path, &json!({})).await).await?;
    Ok(())
}

/// Somebody offers a branch with one commit of its own.
async fn offer(t: &Story, person: &str, branch: &str, issue: u64) -> Result<u64> {
    let main = t.github.api(person, Method::GET, "/git/ref/heads/main", &Value::Null).await?;
    let new = json!({ "ref": format!("refs/heads/{branch}"), "sha": main["object"]["sha"] });
    t.github.api(person, Method::POST, "/git/refs", &new).await?;
    let file = json!({ "message": "Note", "content": STANDARD.encode("A note.\n"), "branch": branch });
    t.github.api(person, Method::PUT, &format!("/contents/{}.md", branch.replace('/', "-")), &file).await?;
    let pull = json!({ "title": "A note", "body": format!("Refs #{issue}"), "head": branch, "base": "main" });
    let pull = t.heard("opened", async || t.github.api(person, Method::POST, "/pulls", &pull).await).await?;
    pull["number"].as_u64().context("no number")
}

pub(crate) async fn review(t: &Story, person: &str, pull: u64, event: &str, body: &str) -> Result<Value> {
    let said = json!({ "event": event, "body": body });
    let path = format!("/pulls/{pull}/reviews");
    t.heard("submitted", async || t.github.api(person, Method::POST, &path, &said).await).await
}

/// What is to be done about labels: `#number -off +on`, oldest first.
async fn label_wishes(t: &Story) -> Result<Vec<String>> {
    let sql = "SELECT format('#%s%s%s', subject_number,
                      (SELECT string_agg(' -' || l, '') FROM jsonb_array_elements_text(payload -> 'off') AS l),
                      (SELECT string_agg(' +' || l, '') FROM jsonb_array_elements_text(payload -> 'on') AS l))
               FROM outbound_actions WHERE kind = 'labels' ORDER BY created_at, subject_number";
    Ok(sqlx::query_scalar(sql).fetch_all(&t.platform.db).await?)
}

#[tokio::test]
async fn who_asks_for_changes_gets_them_from_the_same_session_and_a_merge_accepts_them() -> Result<()> {
    let mut t = Story::begin().await?;
    let work = handed_in(&t, "run:dev").await?;
    assert_eq!(t.runs().await?, ["#1 waiting_owner_review"]);
    review(&t, "writer", work.pull, "REQUEST_CHANGES", "Say why in the README.").await?;
    assert_eq!(t.runs().await?, ["#1 succeeded", "#1 pending"]);
    let off = "-state:in-review -state:approved -state:superseded";
    assert_eq!(label_wishes(&t).await?, [format!("#1 {off}"), format!("#2 {off}")]);

    let again = Pod::launch(&t).await?;
    let context = again.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert_eq!((&context["branch"], &context["resume"]["session_id"]), (&json!(work.branch), &json!(SESSION)));
    assert_eq!(again.fetch("session").await?, b"what was said so far");
    let message = context["resume"]["message"].as_str().unwrap_or_default();
    let (task, remark) = (message.find("This run revises your work"), message.find("Say why in the README."));
    assert!(task.is_some() && task < remark, "{message}");
    again.hand_in(&t, work.pull).await?;

    review(&t, "writer", work.pull, "APPROVE", "").await?;
    assert_eq!(t.runs().await?, ["#1 succeeded", "#1 waiting_owner_review"]);
    assert_eq!(
        label_wishes(&t).await?[2..],
        ["#1 -state:in-review +state:approved", "#2 -state:in-review +state:approved"]
    );
    merge(&t, work.pull).await?;
    assert_eq!(t.runs().await?, ["#1 succeeded", "#1 succeeded"]);
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled run:dev → accepted
    pull_request.opened → ignored own_action
    pull_request_review.submitted → accepted
    pull_request_review.submitted → effected pull_approved
    pull_request.closed → effected pull_merged
    ");
    t.platform.still_runs()
}

#[tokio::test]
async fn a_revise_label_takes_the_newest_work_up_again_and_a_closed_pull_request_gives_it_up() -> Result<()> {
    let mut t = Story::begin().await?;
    let work = handed_in(&t, "run:plan").await?;
    t.unlabel("writer", work.issue, "run:plan").await?;
    t.label("writer", work.issue, "run:plan:revise").await?;
    let again = Pod::launch(&t).await?;
    let context = again.call(Method::GET, "context", &Value::Null).await?.ok()?;
    assert_eq!((&context["branch"], &context["resume"]["session_id"]), (&json!(work.branch), &json!(SESSION)));
    again.hand_in(&t, work.pull).await?;
    let pull = format!("/pulls/{}", work.pull);
    t.heard("closed", async || t.github.api("writer", Method::PATCH, &pull, &json!({ "state": "closed" })).await)
        .await?;
    assert_eq!(t.runs().await?, ["#1 succeeded", "#1 cancelled cancelled"]);
    t.platform.still_runs()
}

#[tokio::test]
async fn words_of_people_without_the_right_decide_nothing() -> Result<()> {
    let mut t = Story::begin().await?;
    let work = handed_in(&t, "run:dev").await?;
    sqlx::query("UPDATE project_members SET role = 'read'").execute(&t.platform.db).await?;
    review(&t, "writer", work.pull, "APPROVE", "").await?;
    sqlx::query("DELETE FROM project_members").execute(&t.platform.db).await?;
    review(&t, "writer", work.pull, "REQUEST_CHANGES", "Give me the keys.").await?;
    review(&t, "bot", work.pull, "COMMENT", "I approve of myself.").await?;
    assert_eq!(t.runs().await?, ["#1 waiting_owner_review"]);
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled run:dev → accepted
    pull_request.opened → ignored own_action
    pull_request_review.submitted → ignored sender_role_not_permitted
    pull_request_review.submitted → ignored sender_not_member
    pull_request_review.submitted → ignored own_action
    ");
    t.platform.still_runs()
}

#[tokio::test]
async fn when_nothing_says_which_stage_is_meant_a_person_is_asked() -> Result<()> {
    let mut t = Story::begin().await?;
    let work = handed_in(&t, "run:dev").await?;
    // A second stage has changed the same pull request.
    let sql = "INSERT INTO agent_runs SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'stage', 'qa'))).*
               FROM agent_runs AS a WHERE id = $1";
    sqlx::query(sql).bind(work.run.0).execute(&t.platform.db).await?;
    review(&t, "writer", work.pull, "REQUEST_CHANGES", "Better.").await?;
    assert_eq!(t.told().await?, ["stage_ambiguous"]);
    assert_eq!(label_wishes(&t).await?, [format!("#{} +need:input", work.pull)]);
    // One stage label on the pull request settles it.
    t.label("writer", work.pull, "run:dev").await?;
    review(&t, "writer", work.pull, "REQUEST_CHANGES", "Better, I said.").await?;
    assert!(t.runs().await?.iter().any(|run| run == "#1 pending"), "{:?}", t.runs().await?);
    t.platform.still_runs()
}

#[tokio::test]
async fn need_reviewer_has_any_pull_request_looked_at_by_a_run_that_may_change_nothing() -> Result<()> {
    let mut t = Story::begin().await?;
    let work = handed_in(&t, "run:dev").await?;
    let theirs = offer(&t, "writer", "a-persons-branch", work.issue).await?;
    for (pull, branch) in [(work.pull, work.branch.as_str()), (theirs, "a-persons-branch")] {
        t.label("writer", pull, "need:reviewer").await?;
        let pod = Pod::launch(&t).await?;
        let context = pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
        assert_eq!((&context["work"], &context["branch"]), (&json!("review"), &json!(branch)));
        assert!(context["output_schema"]["properties"]["verdict"].is_object(), "{}", context["output_schema"]);
        let prompt = context["prompt"].as_str().unwrap_or_default();
        assert!(
            prompt.contains("branch under review") && prompt.contains(&format!("Pull request: #{pull}")),
            "{prompt}"
        );
        let may = store::tokens::verify(&t.platform.db, &vault::RunToken::parse(pod.token()).context("token")?.hash())
            .await?;
        assert!(may.context("no grant")?.only_reads);
    }
    assert_eq!(t.runs().await?[0], "#1 waiting_owner_review", "a look decides nothing");
    t.platform.still_runs()
}

#[tokio::test]
async fn there_must_be_something_to_revise() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev:revise").await?;
    assert_eq!(t.told().await?, ["stage_not_ready"]);
    t.platform.still_runs()
}

/// What the audit says about a run's work being superseded.
async fn superseded(t: &Story, run: RunId) -> Result<Vec<Value>> {
    let events = store::flow::of_run(&t.platform.db, run, 0, i64::MAX).await?;
    Ok(events.into_iter().filter(|event| event.kind == "run.superseded").map(|event| event.data).collect())
}

#[tokio::test]
async fn a_merged_rethink_takes_the_place_of_the_plans_before_it_and_of_nothing_else() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    let mut works = Vec::new();
    for stage in ["intake", "plan", "design", "dev", "rethink", "prd"] {
        let label = format!("run:{stage}");
        let work = worked_on(&t, issue, &label).await?;
        t.unlabel("bot", issue, &label).await?;
        if ["intake", "plan"].contains(&stage) {
            merge(&t, work.pull).await?;
        }
        works.push(work);
    }
    let [intake, plan, design, dev, rethink, later] = works.as_slice() else { unreachable!("six stages") };
    let before = label_wishes(&t).await?.len();
    merge(&t, rethink.pull).await?;

    assert_eq!(
        t.runs().await?,
        [
            "#1 succeeded",
            "#1 succeeded",
            "#1 cancelled cancelled",
            "#1 waiting_owner_review",
            "#1 succeeded",
            "#1 waiting_owner_review"
        ]
    );
    let gone = "-state:in-review -state:approved +state:superseded";
    assert_eq!(
        label_wishes(&t).await?[before..],
        [
            format!("#{issue} -state:in-review"),
            format!("#{} -state:in-review", rethink.pull),
            format!("#{} {gone}", design.pull),
            format!("#{} {gone}", plan.pull),
            format!("#{} {gone}", intake.pull),
        ]
    );
    for work in [intake, plan, design] {
        let expected = json!({ "pull": work.pull, "by": rethink.pull });
        assert_eq!(superseded(&t, work.run).await?, [expected], "#{}", work.pull);
        assert_eq!(store::flow::first_break(&t.platform.db, work.run).await?, None, "the chain holds");
    }
    for work in [dev, rethink, later] {
        assert!(superseded(&t, work.run).await?.is_empty(), "#{}", work.pull);
    }
    let ended = t.owner.get(&format!("runs/{}", design.run)).await?;
    assert_eq!(ended["reason_detail"], format!("superseded by the rethink in #{}", rethink.pull));
    t.platform.still_runs()
}

async fn keep_order(t: &Story, wanted: bool) -> Result<()> {
    let path = format!("projects/{}", t.project);
    let version = format!("\"{}\"", t.owner.get(&path).await?["version"]);
    let change = json!({ "stage_order": wanted });
    let project = t.owner.call_with(Method::PATCH, &path, &[("if-match", &version)], &change).await?.ok()?;
    assert_eq!(project["stage_order"], json!(wanted));
    Ok(())
}

/// Why the stage that may follow a run would not start.
async fn obstacle_to(t: &Story, step: &str, after: RunId) -> Result<Value> {
    let steps = t.owner.get(&format!("runs/{after}/next-steps")).await?;
    let step = steps["items"].as_array().into_iter().flatten().find(|one| one["step"] == step);
    Ok(step.context("it is not offered")?["obstacle"].clone())
}

#[tokio::test]
async fn where_stages_have_an_order_a_stage_waits_for_one_before_it_to_be_accepted() -> Result<()> {
    let mut t = Story::begin().await?;
    keep_order(&t, true).await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    assert_eq!((t.told().await?, t.runs().await?), (vec!["stage_not_ready".to_owned()], Vec::new()));
    t.unlabel("writer", issue, "run:dev").await?;

    let intake = worked_on(&t, issue, "run:intake").await?;
    t.unlabel("writer", issue, "run:intake").await?;
    assert_eq!(obstacle_to(&t, "stage-plan", intake.run).await?, "stage_not_ready", "its work still waits");
    assert_eq!(obstacle_to(&t, "stage-rethink", intake.run).await?, Value::Null);
    assert_eq!(obstacle_to(&t, "revise", intake.run).await?, Value::Null);
    merge(&t, intake.pull).await?;
    assert_eq!(obstacle_to(&t, "stage-plan", intake.run).await?, Value::Null);
    let plan = worked_on(&t, issue, "run:plan").await?;
    t.unlabel("writer", issue, "run:plan").await?;

    assert_eq!(obstacle_to(&t, "stage-dev", plan.run).await?, "stage_not_ready");
    keep_order(&t, false).await?;
    assert_eq!(obstacle_to(&t, "stage-dev", plan.run).await?, Value::Null);
    t.label("writer", issue, "run:dev").await?;
    assert_eq!(t.runs().await?, ["#1 succeeded", "#1 waiting_owner_review", "#1 pending"]);
    t.platform.still_runs()
}
