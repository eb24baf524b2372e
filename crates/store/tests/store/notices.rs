//! What raises a notice and who is told: the database's tables are those of the domain, and triggers follow them.

use std::time::Duration;

use anyhow::Context;
use domain::approvals::ApprovalMode;
use domain::catalogue::Catalogue;
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::notices::{NoticeKind, is_told};
use domain::reasons::Reason;
use domain::rights::{PlatformRole, ProjectRole, effective_role};
use domain::run::RunStatus;
use domain::stages::Stage;
use serde_json::json;
use sqlx::PgPool;
use store::flow::Entry;
use store::notices;
use store::runs::progress::{self, Ending, HandIn, NewReview};
use store::runs::trip::{self, Trip};
use store::runs::{Lease, lease};

use crate::support::{Installation, installation};

async fn claimed(it: &Installation, issue: i64) -> anyhow::Result<(RunId, Lease)> {
    let run = it.start(issue).await?;
    let lease = lease::claim(&it.db, "w1", Duration::from_secs(30)).await?.context("no run waits")?;
    Ok((run, lease))
}

fn entry(kind: FlowKind) -> Entry {
    Entry::new(kind, "worker:w1", json!({}))
}

async fn end(it: &Installation, lease: Lease, status: RunStatus, reason: Option<Reason>) -> anyhow::Result<()> {
    let flow = entry(FlowKind::RunFinished);
    let ending = Ending { status, reason, detail: "", launch_failed: false, labels: &[], flow };
    anyhow::ensure!(progress::finish(&it.db, lease, &ending).await?, "the lease is lost");
    Ok(())
}

/// What the owner was told, with the issue, sorted; in brackets what needs nobody any more.
async fn told(it: &Installation) -> anyhow::Result<Vec<String>> {
    let rows = notices::list(&it.db, it.sees_all(), false, None, 100).await?;
    let line = |row: &notices::NotificationRow| {
        let line = format!("{} #{}", row.kind.0, row.subject_number.unwrap_or_default());
        if row.read { format!("({line})") } else { line }
    };
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.sort();
    Ok(lines)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_database_tells_whom_the_domain_tells(db: PgPool) -> anyhow::Result<()> {
    let modes = [None, Some(ApprovalMode::Owner), Some(ApprovalMode::Delegated)];
    let member = || ProjectRole::ALL.iter().copied().map(Some).chain([None]);
    for &kind in NoticeKind::ALL {
        let wanted: bool =
            sqlx::query_scalar("SELECT wanted_by_default($1)").bind(kind.as_str()).fetch_one(&db).await?;
        assert_eq!(wanted, kind.wanted_by_default(), "{kind}");
        for mode in modes {
            for &platform in PlatformRole::ALL {
                for (role, started) in member().flat_map(|role| [(role, true), (role, false)]) {
                    let expected =
                        effective_role(platform, role).is_some_and(|role| is_told(kind, mode, role, started));
                    let is: bool = sqlx::query_scalar("SELECT is_told($1, $2, $3, $4, $5)")
                        .bind(kind.as_str())
                        .bind(mode.map(ApprovalMode::as_str))
                        .bind(platform.as_str())
                        .bind(role.map(ProjectRole::as_str))
                        .bind(started)
                        .fetch_one(&db)
                        .await?;
                    assert_eq!(is, expected, "{kind} {mode:?} {platform} {role:?} {started}");
                }
            }
        }
    }
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn ends_that_nobody_asked_for_are_told(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let table = [
        (RunStatus::Failed, Some(Reason::AgentError), "run_failed #1"),
        (RunStatus::TimedOut, Some(Reason::Timeout), "run_failed #2"),
        (RunStatus::Cancelled, Some(Reason::Cancelled), ""),
        (RunStatus::Succeeded, None, ""),
    ];
    for (issue, (status, reason, _)) in (1..).zip(&table) {
        let (_, lease) = claimed(&it, issue).await?;
        end(&it, lease, *status, *reason).await?;
    }
    let expected: Vec<_> = table.iter().map(|(.., line)| *line).filter(|line| !line.is_empty()).collect();
    assert_eq!(told(&it).await?, expected);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_decoy_is_told_and_not_the_failure_beside_it(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (run, _) = claimed(&it, 7).await?;
    let said = json!({ "en": "in a push", "ru": "там" });
    for _ in 0..2 {
        let seen = entry(FlowKind::CanaryTripped);
        let trip = Trip { said: &said, seen, finished: entry(FlowKind::RunFinished) };
        trip::trip(&it.db, run, &trip).await?;
    }
    assert_eq!(told(&it).await?, ["canary #7"]);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn work_waits_for_its_owner_when_its_review_is_over(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let (_, lease) = claimed(&it, 7).await?;
    let review = NewReview {
        id: RunId::new(),
        role: Catalogue::builtin().stage(Stage::Dev).reviewer(),
        namespace: "acme-review-i7".into(),
        flow: entry(FlowKind::RunCreated),
    };
    let work = HandIn { labels: &[], flow: entry(FlowKind::HandedIn), review: Some(review) };
    assert!(progress::hand_in(&it.db, lease, &work).await?);
    assert_eq!(told(&it).await?, Vec::<String>::new(), "a second role looks first");
    let lease = lease::claim(&it.db, "w1", Duration::from_secs(30)).await?.context("no review waits")?;
    end(&it, lease, RunStatus::Failed, Some(Reason::AgentError)).await?;
    assert_eq!(told(&it).await?, ["run_failed #7", "work_waits #7"]);

    let (_, lease) = claimed(&it, 8).await?;
    let work = HandIn { labels: &[], flow: entry(FlowKind::HandedIn), review: None };
    assert!(progress::hand_in(&it.db, lease, &work).await?);
    assert_eq!(told(&it).await?[2..], ["work_waits #8"]);
    // However it stops waiting, it needs nobody any more.
    let over =
        "UPDATE agent_runs SET status = 'succeeded', finished_at = app_now() WHERE status = 'waiting_owner_review'";
    sqlx::query(over).execute(&it.db).await?;
    assert_eq!(told(&it).await?, ["(work_waits #7)", "(work_waits #8)", "run_failed #7"]);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_old_is_forgotten_with_everybodys_word_of_it(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    for issue in [1, 2] {
        let (_, lease) = claimed(&it, issue).await?;
        end(&it, lease, RunStatus::Failed, Some(Reason::AgentError)).await?;
    }
    assert_eq!(told(&it).await?, ["run_failed #1", "run_failed #2"]);
    let day = Duration::from_hours(24);
    assert_eq!(notices::forget(&it.db, day, 10).await?, 0);
    sqlx::query("UPDATE notices SET at = at - interval '2 days' WHERE run_id = (SELECT id FROM agent_runs WHERE subject_number = 1)")
        .execute(&it.db)
        .await?;
    assert_eq!((notices::forget(&it.db, day, 10).await?, notices::forget(&it.db, day, 10).await?), (1, 0));
    assert_eq!(told(&it).await?, ["run_failed #2"]);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM notifications").fetch_one(&it.db).await?;
    assert!(left > 0, "the other notice is still told");
    Ok(())
}
