//! Connected repositories.

use std::time::Duration;

use chrono::TimeDelta;
use domain::missed::Known;
use serde_json::{Value, json};
use sqlx::PgPool;
use store::clock;
use store::deliveries::{Lying, known_labels};
use store::repositories::{MISSED_LABELS, MISSED_REVIEWS, checked, claim_log, found, get, hook_lost, labels};
use store::runs::view::active_in;

use crate::support::{Installation, installation, issue_event};

const LEASE: Duration = Duration::from_secs(300);

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_lost_webhook_is_noted_once_beside_the_other_checks(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let checks = json!([{ "name": "labels_made", "state": "ok" }, { "name": "webhook_registered", "state": "ok" }]);
    checked(&it.db, it.repository, true, &checks, Some(7)).await?;
    let finding = json!({ "state": "failed", "remedy": "Check again." });
    let lost = async |hook| hook_lost(&it.db, it.repository, hook, &finding).await;
    assert!(!lost(6).await?, "another hook than the repository's");
    assert!(lost(7).await?);
    assert!(!lost(7).await?, "told twice");
    let row = get(&it.db, it.repository).await?.ok_or_else(|| anyhow::anyhow!("the repository is gone"))?;
    assert_eq!((row.state.as_str(), row.hook_id), ("broken", None));
    let expected = json!([
        { "name": "labels_made", "state": "ok" },
        { "name": "webhook_registered", "state": "failed", "remedy": "Check again." },
    ]);
    assert_eq!(row.checks, expected);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn labels_are_looked_at_when_something_they_say_changes(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let checks = json!([{ "name": "labels_made", "state": "unchecked", "remedy": "They come." }]);
    it.wait(61).await?;
    assert!(labels::claim(&it.db, LEASE).await?.is_none(), "a new repository is checked first");
    checked(&it.db, it.repository, true, &checks, Some(1)).await?;
    let due = labels::claim(&it.db, LEASE).await?.unwrap();
    assert_eq!((due.full_name.as_str(), due.locale.as_str()), ("acme/app", "en"));
    assert!(labels::claim(&it.db, LEASE).await?.is_none(), "it is in hand");

    // The language changes while the labels are being made in the old one.
    sqlx::query("UPDATE projects SET locale = 'ru'").execute(&it.db).await?;
    let tomorrow = clock::now(&it.db).await? + TimeDelta::days(1);
    let refused = json!({ "state": "failed", "remedy": "GitHub said: no." });
    found(&it.db, due.id, "labels_made", Some(&refused)).await?;
    labels::again(&it.db, &due, tomorrow).await?;
    let row = get(&it.db, it.repository).await?.unwrap();
    assert_eq!((row.state.as_str(), &row.checks[0]["remedy"]), ("broken", &refused["remedy"]));
    let due = labels::claim(&it.db, LEASE).await?.unwrap();
    assert_eq!(due.locale, "ru");
    found(&it.db, due.id, "labels_made", Some(&json!({ "state": "ok" }))).await?;
    labels::again(&it.db, &due, tomorrow).await?;
    let row = get(&it.db, it.repository).await?.unwrap();
    assert_eq!((row.state.as_str(), &row.checks), ("connected", &json!([{ "name": "labels_made", "state": "ok" }])));

    assert!(labels::claim(&it.db, LEASE).await?.is_none());
    sqlx::query("UPDATE projects SET name = 'Other'").execute(&it.db).await?;
    assert!(labels::claim(&it.db, LEASE).await?.is_none(), "the labels do not tell it");
    sqlx::query("UPDATE system_settings SET value = value || '{\"allowed\": [\"gpt-5.5\"]}' WHERE key = 'models'")
        .execute(&it.db)
        .await?;
    assert!(labels::claim(&it.db, LEASE).await?.is_some());
    it.wait(301).await?;
    assert!(labels::claim(&it.db, LEASE).await?.is_some(), "a worker that was lost keeps nobody waiting for long");
    Ok(())
}

async fn checks_of(it: &Installation) -> anyhow::Result<Value> {
    let row = get(&it.db, it.repository).await?;
    Ok(row.ok_or_else(|| anyhow::anyhow!("the repository is gone"))?.checks)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn missed_labels_are_told_until_they_are_not_or_a_check_goes_well(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (made, broken) =
        (json!({ "name": "labels_made", "state": "ok" }), json!({ "name": "labels_made", "state": "failed" }));
    let seen = |files: &[&str]| json!({ "name": MISSED_LABELS, "state": "warning", "files": files });
    let (one, two) = (seen(&["#1 run:dev"]), seen(&["#2 run:qa"]));
    let note = async |finding| found(&it.db, it.repository, MISSED_LABELS, finding).await;
    let check = async |healthy, check: &Value| checked(&it.db, it.repository, healthy, &json!([check]), None).await;
    check(true, &made).await?;
    note(None).await?;
    assert_eq!(checks_of(&it).await?, json!([made]));
    note(Some(&one)).await?;
    note(Some(&two)).await?;
    assert_eq!(checks_of(&it).await?, json!([made, two]), "the newest finding counts");
    check(false, &broken).await?;
    assert_eq!(checks_of(&it).await?, json!([broken, two]), "a check that fails does not hide it");
    note(None).await?;
    assert_eq!(checks_of(&it).await?, json!([broken]));
    note(Some(&one)).await?;
    let review = json!({ "name": MISSED_REVIEWS, "state": "warning", "files": ["#8 APPROVED @olga"] });
    found(&it.db, it.repository, MISSED_REVIEWS, Some(&review)).await?;
    check(false, &broken).await?;
    assert_eq!(checks_of(&it).await?, json!([broken, one, review]));
    check(true, &made).await?;
    assert_eq!(checks_of(&it).await?, json!([made]));
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_finding_lies_over_its_check_and_over_nothing_else(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let state = async || anyhow::Ok(get(&it.db, it.repository).await?.map(|row| row.state));
    found(&it.db, it.repository, MISSED_LABELS, None).await?;
    assert_eq!((state().await?.as_deref(), checks_of(&it).await?), (Some("broken"), json!([])), "never checked");
    let first =
        json!({ "name": "labels_made", "state": "failed", "needed_for": "steering", "remedy": "Ask.", "files": ["a"] });
    let last = json!({ "name": "workflow_secrets", "state": "ok" });
    checked(&it.db, it.repository, false, &json!([first, last]), Some(1)).await?;
    found(&it.db, it.repository, MISSED_LABELS, Some(&json!({ "state": "warning" }))).await?;
    assert_eq!(state().await?.as_deref(), Some("broken"), "another check failed");
    found(&it.db, it.repository, "labels_made", Some(&json!({ "state": "ok" }))).await?;
    let expected = json!([
        { "name": "labels_made", "state": "ok", "needed_for": "steering" },
        last,
        { "name": MISSED_LABELS, "state": "warning" },
    ]);
    assert_eq!((state().await?.as_deref(), checks_of(&it).await?), (Some("connected"), expected));
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn of_labels_that_lie_the_ledger_and_the_runs_know(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(1).await?;
    it.start(2).await?;
    sqlx::query("UPDATE agent_runs SET claimed_at = app_now()").execute(&it.db).await?;
    it.wait(1).await?;
    // A label that is taken off again ends no run that was launched.
    for (issue, action) in [(1, "unlabeled"), (3, "labeled"), (3, "unlabeled"), (4, "labeled")] {
        let label = if issue == 4 { "run:qa" } else { "run:dev" };
        let event = issue_event(action, issue, label, &chrono::Utc::now().to_rfc3339());
        it.deliver(&format!("{issue}-{action}"), &event).await?;
        it.wait(1).await?;
    }
    let end =
        "UPDATE agent_runs SET status = 'failed', reason = 'timeout', finished_at = app_now() WHERE subject_number = 3";
    sqlx::query(end).execute(&it.db).await?;
    let table = [
        (1, "run:dev", true, false),
        (2, "run:dev", true, true),
        (2, "run:qa", false, false),
        (3, "run:dev", false, false),
        (4, "run:qa", true, true),
        (5, "run:dev", false, false),
    ];
    let lying: Vec<_> =
        table.iter().map(|(subject, label, ..)| Lying { subject: *subject, label: (*label).to_owned() }).collect();
    let known = known_labels(&it.db, it.repository, &lying).await?;
    let expected: Vec<_> = table.iter().map(|&(.., run, heard)| Known { run, heard }).collect();
    assert_eq!(known, expected);
    let active = active_in(&it.db, it.repository).await?;
    let issues: Vec<_> = active.iter().map(|(_, issue)| *issue).collect();
    assert!(active.contains(&(run, 1)) && issues.len() == 3, "{active:?}");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_worker_reads_a_log_at_a_time(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let read_at = async || anyhow::Ok(get(&it.db, it.repository).await?.and_then(|row| row.log_read_at));
    assert_eq!(read_at().await?, None);
    assert!(claim_log(&it.db, it.repository, None).await?);
    assert!(!claim_log(&it.db, it.repository, None).await?, "another has it");
    let first = read_at().await?;
    assert!(first.is_some());
    it.wait(60).await?;
    assert!(claim_log(&it.db, it.repository, first).await?);
    assert!(!claim_log(&it.db, it.repository, first).await?);
    assert!(read_at().await? > first);
    Ok(())
}
