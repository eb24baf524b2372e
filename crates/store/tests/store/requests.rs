//! What agents ask: what nobody has to approve is approved with the asking, told to nobody, and done like the rest.

use std::time::Duration;

use anyhow::Context;
use domain::approvals::policy::{Leave, Said};
use domain::approvals::{ApprovalKind, ApprovalMode, ApprovalState};
use domain::flow::FlowKind;
use domain::limits::LimitOf;
use serde_json::{Value, json};
use sqlx::PgPool;
use store::approvals::apply::{self, Applied};
use store::approvals::{self, Request};
use store::flow::Entry;
use store::outbound::LabelChange;
use store::runs::progress::{self, Parking};
use store::runs::{Lease, lease, view};
use uuid::Uuid;

use crate::support::{Installation, installation};

/// A run that works asks leave; answers the request's id.
async fn asked(it: &Installation, issue: i64, mode: ApprovalMode) -> anyhow::Result<Uuid> {
    let run = it.start(issue).await?;
    let lease = lease::claim(&it.db, "w1", Duration::from_secs(30)).await?.context("no run waits")?;
    let launch = progress::open_launch(&it.db, lease).await?.context("the lease is lost")?;
    let (id, digest) = (Uuid::now_v7(), "0".repeat(64));
    let seen = json!({ "words": "", "labels": [] });
    let action = json!({ "effect": { "does": "labels", "number": issue, "on": ["a"], "off": [], "seen": seen } });
    let ruling = Said::default().ruling(Leave { usual: mode, floor: mode }, mode);
    let request = Request {
        id,
        run,
        launch,
        kind: ApprovalKind::Action,
        leave: Some((&ruling, &digest)),
        tool: "github_labels_add",
        asked: &action,
        patience: Duration::from_secs(60),
        most: 5,
        flow: Entry::new(FlowKind::RequestMade, "agent", json!({})),
    };
    approvals::ask(&it.db, &request).await?;
    Ok(id)
}

/// The newest run's lease.
async fn leased(it: &Installation) -> anyhow::Result<Lease> {
    let newest = "SELECT id, lease_token FROM agent_runs ORDER BY queued_at DESC LIMIT 1";
    let (run, token): (Uuid, i64) = sqlx::query_as(newest).fetch_one(&it.db).await?;
    Ok(Lease { run: run.into(), token })
}

async fn told(it: &Installation) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM notices WHERE kind = 'action'").fetch_one(&it.db).await?)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_nobody_has_to_approve_is_done_without_anybody_being_told(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let waits = asked(&it, 1, ApprovalMode::Delegated).await?;
    assert_eq!(told(&it).await?, 1);
    assert!(apply::claim(&it.db, "w1", Duration::from_secs(30)).await?.is_none(), "nobody has approved it");

    let free = asked(&it, 2, ApprovalMode::None).await?;
    assert_eq!(told(&it).await?, 1);
    let action = apply::claim(&it.db, "w1", Duration::from_secs(30)).await?.context("nothing is to be done")?;
    assert_eq!(action.id, free);
    let applied = Applied {
        state: ApprovalState::Applied,
        trouble: None,
        labels: LabelChange::default(),
        result: Some(json!({ "name": "web" })),
        flow: Entry::new(FlowKind::RequestApplied, "worker:w1", json!({})),
    };
    assert!(apply::begin(&it.db, &action).await? && apply::settle(&it.db, &action, &applied).await?);
    let outcome = approvals::outcome(&it.db, free).await?.context("it is gone")?;
    assert_eq!((outcome.state.0, outcome.decided_by), (ApprovalState::Applied, None));
    let row = approvals::untold(&it.db, action.run_id).await?.pop().context("the agent is not told")?;
    assert_eq!(row.result, Some(json!({ "name": "web" })));
    let outcome = approvals::outcome(&it.db, waits).await?.context("it is gone")?;
    assert_eq!((outcome.state.0, outcome.result), (ApprovalState::Requested, None::<Value>));
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn who_stops_a_run_that_is_about_to_wait_was_first(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    asked(&it, 1, ApprovalMode::Owner).await?;
    let (lease, entry) = (leased(&it).await?, |kind| Entry::new(kind, "worker:w1", json!({})));
    assert!(view::request_cancel(&it.db, lease.run, "olga", &entry(FlowKind::CancelRequested)).await?);
    assert!(!progress::wait_for_people(&it.db, lease, &entry(FlowKind::RunWaits)).await?);
    assert!(!progress::requeue(&it.db, lease, Duration::from_secs(1), &entry(FlowKind::LaunchFailed)).await?);
    let limit = Parking {
        by: LimitOf::Model,
        until: chrono::Utc::now(),
        detail: "",
        close_launch: true,
        flow: entry(FlowKind::RunParked),
    };
    assert!(!progress::park(&it.db, lease, &limit).await?);
    let row = progress::load(&it.db, lease).await?.context("the lease is lost")?;
    assert!(row.cancel_requested, "the next turn ends it");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn who_asked_in_time_has_time_to_hear_the_answer(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    for (issue, mode, hears) in [(1, ApprovalMode::Owner, true), (2, ApprovalMode::None, false)] {
        asked(&it, issue, mode).await?;
        let lease = leased(&it).await?;
        sqlx::query("UPDATE agent_runs SET deadline_at = app_now() + interval '1 second' WHERE id = $1")
            .bind(lease.run.0)
            .execute(&it.db)
            .await?;
        let entry = Entry::new(FlowKind::RunWaits, "worker:w1", json!({}));
        assert!(progress::wait_for_people(&it.db, lease, &entry).await?);
        let left = sqlx::query_scalar("SELECT time_left >= interval '1 minute' FROM agent_runs WHERE id = $1");
        assert_eq!(left.bind(lease.run.0).fetch_one(&it.db).await.map(|left: bool| left)?, hears, "{mode}");
    }
    Ok(())
}
