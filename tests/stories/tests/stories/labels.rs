//! Labels and what they start, or why they do not.

use anyhow::Result;
use domain::stages::Stage;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use stories::{Delivery, Story, labelled};

#[tokio::test]
async fn a_label_by_a_member_starts_a_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    assert_eq!(t.runs().await?, [format!("#{issue} pending")]);
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled run:dev → accepted
    ");
    t.platform.still_runs()
}

#[tokio::test]
async fn every_stage_starts_by_its_label_with_its_role_and_what_the_labels_choose() -> Result<()> {
    let mut t = Story::begin().await?;
    for (issue, &stage) in (1..).zip(Stage::ALL) {
        let mut payload = labelled(&t, issue, &format!("run:{stage}"), &now()).await?;
        let chosen = ["[ai-model-gpt-6-sol]", "[ai-reasoning-extra-high]"].map(|name| json!({ "name": name }));
        payload["issue"]["labels"].as_array_mut().unwrap().extend(chosen);
        let answer = Delivery::issues(stage.as_str(), &payload).send(&t).await?;
        assert_eq!(answer.status.as_u16(), 202, "{stage}: {}", answer.body);
    }
    let page = t.owner.get("runs?limit=50").await?;
    let mut lines: Vec<_> = page["items"].as_array().into_iter().flatten().map(told).collect();
    lines.reverse();
    insta::assert_snapshot!(lines.join("\n"), @"
    #1 intake by pm, gpt-6-sol, xhigh
    #2 vision by pm, gpt-6-sol, xhigh
    #3 prd by pm, gpt-6-sol, xhigh
    #4 arch by sa, gpt-6-sol, xhigh
    #5 design by sa, gpt-6-sol, xhigh
    #6 plan by em, gpt-6-sol, xhigh
    #7 dev by dev, gpt-6-sol, xhigh
    #8 doc-audit by km, gpt-6-sol, xhigh
    #9 qa by qa, gpt-6-sol, xhigh
    #10 release by em, gpt-6-sol, xhigh
    #11 postdeploy by qa, gpt-6-sol, xhigh
    #12 ops by sre, gpt-6-sol, xhigh
    #13 self-improve by km, gpt-6-sol, xhigh
    #14 rethink by em, gpt-6-sol, xhigh
    ");
    t.platform.still_runs()
}

/// `#issue stage by role, model, effort`.
fn told(run: &Value) -> String {
    let word = |field: &str| run[field].as_str().unwrap_or("-").to_owned();
    format!("#{} {} by {}, {}, {}", run["subject_number"], word("stage"), word("role"), word("model"), word("effort"))
}

#[tokio::test]
async fn labels_that_choose_two_models_or_a_strange_one_start_nothing_and_are_answered() -> Result<()> {
    let mut t = Story::begin().await?;
    let chosen: [&[&str]; 3] = [
        &["[ai-model-gpt-5.5]", "[ai-model-gpt-6-sol]"],
        &["[ai-reasoning-low]", "[ai-reasoning-high]"],
        &["[ai-model-of-next-year]"],
    ];
    for (issue, labels) in (1..).zip(chosen) {
        let mut payload = labelled(&t, issue, "run:dev", &now()).await?;
        let labels = labels.iter().map(|name| json!({ "name": name }));
        payload["issue"]["labels"].as_array_mut().unwrap().extend(labels);
        Delivery::issues(&issue.to_string(), &payload).send(&t).await?;
    }
    assert_eq!(t.told().await?, ["model_label_conflict"; 3]);
    assert!(t.runs().await?.is_empty());
    t.platform.still_runs()
}

#[tokio::test]
async fn the_same_delivery_again_and_again_starts_one_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let payload = labelled(&t, 7, "run:dev", &now()).await?;
    let first = Delivery::issues("first", &payload).send(&t).await?;
    assert_eq!((first.status.as_u16(), &first.body["status"]), (202, &json!("accepted")));
    let again = Delivery::issues("first", &payload).send(&t).await?;
    assert_eq!((again.status.as_u16(), &again.body["status"]), (200, &json!("duplicate")));
    assert_eq!(again.body["run_id"], first.body["run_id"], "it is told of the run that it started");
    let renamed = Delivery::issues("second", &payload).send(&t).await?;
    assert_eq!(renamed.body["status"], "duplicate", "the same body under a new delivery id");
    let replayed = Delivery::issues("third", &payload).signed_with_the_old_secret().send(&t).await?;
    assert_eq!(replayed.body["status"], "duplicate", "the old secret is still good, the event is not new");
    insta::assert_snapshot!(t.ledger().await?, @"issues.labeled run:dev → accepted (and 3 more times)");
    assert_eq!(t.runs().await?, ["#7 pending"]);
    t.platform.still_runs()
}

#[tokio::test]
async fn ten_of_each_all_at_once_start_one_run_an_issue() -> Result<()> {
    let mut t = Story::begin().await?;
    let mut deliveries = Vec::new();
    for issue in 1..=5 {
        let payload = labelled(&t, issue, "run:dev", &now()).await?;
        deliveries.extend((0..10).map(|n| Delivery::issues(&format!("{issue}-{}", n % 3), &payload)));
    }
    // Neither in order nor grouped: 50 deliveries, each issue's spread over all of them.
    deliveries.sort_by_key(|delivery| delivery.guid.as_ref().map(|guid| guid.chars().rev().collect::<String>()));
    let mut accepted = 0;
    while !deliveries.is_empty() {
        let answers = join_all(deliveries.iter().map(|delivery| delivery.send(&t))).await;
        let statuses = answers.into_iter().map(|answer| Ok(answer?.status.as_u16())).collect::<Result<Vec<_>>>()?;
        accepted += statuses.iter().filter(|status| **status == 202).count();
        // What could not be answered in time, because all of this came at once, is sent again, as GitHub's log is read.
        let late = statuses.iter().zip(deliveries).filter(|(status, _)| **status == 503);
        deliveries = late.map(|(_, delivery)| delivery).collect();
    }
    assert!(accepted <= 5, "{accepted} were accepted");
    let mut runs = t.runs().await?;
    runs.sort();
    assert_eq!(runs, ["#1 pending", "#2 pending", "#3 pending", "#4 pending", "#5 pending"]);
    t.platform.still_runs()
}

#[tokio::test]
async fn two_labels_at_the_same_instant_start_one_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let payloads =
        [labelled(&t, 7, "run:dev", "2026-11-22T10:00:00Z").await?, labelled(&t, 7, "run:dev", &now()).await?];
    let mut recent = payloads[0].clone();
    recent["issue"]["updated_at"] = (chrono::Utc::now() - chrono::TimeDelta::seconds(3)).to_rfc3339().into();
    let two = [Delivery::issues("a", &recent), Delivery::issues("b", &payloads[1])];
    let answers = join_all(two.iter().map(|delivery| delivery.send(&t))).await;
    let mut words: Vec<_> =
        answers.into_iter().map(|a| a.map(|a| a.body["status"].to_string())).collect::<Result<_>>()?;
    words.sort();
    assert_eq!(words, [r#""accepted""#, r#""ignored""#]);
    assert_eq!(t.runs().await?, ["#7 pending"]);
    assert_eq!(t.told().await?, ["run_already_active"]);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_second_stage_label_is_answered_and_a_leftover_one_is_a_conflict() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    t.label("writer", issue, "run:plan").await?;
    t.unlabel("writer", issue, "run:dev").await?;
    assert_eq!(t.runs().await?, [format!("#{issue} cancelled cancelled")], "taken off before a worker came");
    t.label("writer", issue, "run:dev").await?;
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled run:dev → accepted
    issues.labeled run:plan → ignored run_already_active
    issues.unlabeled run:dev → effected unlabelled
    issues.labeled run:dev → ignored label_conflict
    ");
    assert_eq!(t.told().await?, ["run_already_active", "label_conflict"]);
    t.platform.still_runs()
}

#[tokio::test]
async fn the_debug_label_starts_nothing_and_stands_beside_a_stage() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:debug").await?;
    t.label("writer", issue, "run:dev").await?;
    t.unlabel("writer", issue, "run:debug").await?;
    t.label("writer", issue, "run:debug").await?;
    assert_eq!(t.runs().await?, [format!("#{issue} pending")]);
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled run:debug → ignored event_not_handled
    issues.labeled run:dev → accepted
    issues.unlabeled run:debug → effected namespace_released
    issues.labeled run:debug → effected namespace_kept
    ");
    assert!(t.told().await?.is_empty());
    t.platform.still_runs()
}

#[tokio::test]
async fn only_people_with_the_right_start_runs() -> Result<()> {
    let mut t = Story::begin().await?;
    for (issue, person) in (1..).zip(["reader", "stranger", "bot"]) {
        by(&t, issue, person, "User").await?;
    }
    by(&t, 4, "writer", "Bot").await?;
    t.add_user("stranger").await?;
    by(&t, 5, "stranger", "User").await?;
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.labeled run:dev → ignored sender_role_not_permitted
    issues.labeled run:dev → ignored sender_not_allowed
    issues.labeled run:dev → ignored own_action
    issues.labeled run:dev → ignored sender_type_not_permitted
    issues.labeled run:dev → ignored sender_not_member
    ");
    assert_eq!(t.told().await?, ["sender_role_not_permitted", "sender_not_allowed", "sender_not_member"]);
    assert!(t.runs().await?.is_empty());
    t.platform.still_runs()
}

#[tokio::test]
async fn what_cannot_be_started_says_why() -> Result<()> {
    let mut t = Story::begin().await?;
    let closed = changed(&t, 1, |payload| payload["issue"]["state"] = "closed".into()).await?;
    let labels = json!([{ "name": "run:dev" }, { "name": "state:blocked" }]);
    let blocked = changed(&t, 2, |payload| payload["issue"]["labels"] = labels).await?;
    let unbound = changed(&t, 3, |payload| payload["repository"] = json!({ "id": 1, "full_name": "no/body" })).await?;
    let old = changed(&t, 4, |payload| payload["issue"]["updated_at"] = "2020-01-01T00:00:00Z".into()).await?;
    for (guid, payload) in [("closed", closed), ("blocked", blocked), ("unbound", unbound), ("old", old)] {
        assert_eq!(Delivery::issues(guid, &payload).send(&t).await?.body["status"], "ignored");
    }
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.labeled run:dev → ignored issue_closed
    issues.labeled run:dev → ignored stage_not_ready
    issues.labeled run:dev → ignored repository_not_bound
    issues.labeled run:dev → ignored stale_event
    ");
    t.platform.still_runs()
}

#[tokio::test]
async fn an_issue_with_hostile_text_is_only_text() -> Result<()> {
    let mut t = Story::begin().await?;
    let title = "'; DROP TABLE agent_runs; --\u{0}{{ 7 * 7 }}<script>";
    let hostile = changed(&t, 1, |payload| payload["issue"]["title"] = title.into()).await?;
    assert_eq!(Delivery::issues("hostile", &hostile).send(&t).await?.status.as_u16(), 202);
    let runs = t.owner.get("runs").await?;
    assert_eq!(runs["items"][0]["subject_title"], title.replace('\u{0}', "\u{fffd}"));
    t.platform.still_runs()
}

#[tokio::test]
async fn closing_the_issue_cancels_its_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    t.close("writer", issue).await?;
    assert_eq!(t.runs().await?, [format!("#{issue} cancelled cancelled")]);
    t.platform.still_runs()
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339()
}

/// A label event, changed.
async fn changed(t: &Story, issue: u64, change: impl FnOnce(&mut Value)) -> Result<Value> {
    let mut payload = labelled(t, issue, "run:dev", &now()).await?;
    change(&mut payload);
    Ok(payload)
}

/// A label event by somebody.
async fn by(t: &Story, issue: u64, person: &str, kind: &str) -> Result<()> {
    let person = t.github.person(person)?;
    let sender = json!({ "id": person.id, "login": person.login, "type": kind });
    let payload = changed(t, issue, |payload| payload["sender"] = sender).await?;
    Delivery::issues(&format!("by-{issue}"), &payload).send(t).await?;
    Ok(())
}

#[tokio::test]
async fn one_project_takes_two_repositories() -> Result<()> {
    let mut t = Story::begin().await?;
    let second = t.github.second_repository("second").await?;
    t.connect(&second.full_name()).await?;
    let listed = t.owner.get(&format!("projects/{}/repositories", t.project)).await?;
    let states: Vec<_> = listed["items"].as_array().into_iter().flatten().map(|item| item["state"].clone()).collect();
    assert_eq!(states, ["connected", "connected"]);
    let again = json!({ "full_name": second.full_name(), "token": t.github.person("bot")?.token });
    let refused = t.owner.call(Method::POST, &format!("projects/{}/repositories", t.project), &again).await?;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "repository_connected"));
    t.platform.still_runs()
}
