//! What systems of others ask: once for each id, decided once, closed in time, and told under a lease.

use std::time::Duration;

use anyhow::Context;
use domain::flow::FlowKind;
use domain::ids::{ProjectId, UserId};
use domain::integrations::asking::{Approval, Asked};
use domain::integrations::{OutsideKind, OutsideState, TellState};
use serde_json::{Map, json};
use sqlx::PgPool;
use store::flow::Entry;
use store::integration_requests::telling::{self, Next};
use store::integration_requests::{self as requests, Decision, Request};
use store::integrations::{self, Asker, NewIntegration};
use uuid::Uuid;

use crate::support::{Installation, installation};

const TTL: Duration = Duration::from_secs(30);

fn entry(kind: FlowKind) -> Entry {
    Entry::new(kind, "user:olga", json!({}))
}

/// An installation with an integration; who asks, and who decides.
async fn with_integration(db: PgPool) -> anyhow::Result<(Installation, Asker, UserId)> {
    let it = installation(db).await?;
    let project: Uuid = sqlx::query_scalar("SELECT id FROM projects").fetch_one(&it.db).await?;
    let by: Uuid = sqlx::query_scalar("SELECT id FROM users WHERE platform_role = 'owner'").fetch_one(&it.db).await?;
    let new = NewIntegration {
        id: Uuid::now_v7(),
        project: ProjectId(project),
        name: "Release bot",
        asks: &[OutsideKind::Approval],
        token_hash: &[7; 32],
        by: UserId(by),
    };
    integrations::add(&it.db, &new, &entry(FlowKind::IntegrationAdded)).await?;
    let asker = integrations::recognise(&it.db, &[7; 32]).await?.context("its token is unknown")?;
    Ok((it, asker, UserId(by)))
}

async fn ask(it: &Installation, asker: &Asker, correlation: &str, most: i64) -> anyhow::Result<Option<Uuid>> {
    let (tool, arguments) = ("deploy".to_owned(), Map::new());
    let approval = Approval { tool, arguments, request: None, justification: None, risk: None, links: Vec::new() };
    let id = Uuid::now_v7();
    let request = Request {
        id,
        asker,
        kind: OutsideKind::Approval,
        correlation_id: correlation,
        digest: &[1; 32],
        asked: &json!(Asked::Approval(approval)),
        callback_sealed: b"sealed",
        patience: Duration::from_secs(60),
        most,
    };
    Ok(requests::ask(&it.db, &request, &entry(FlowKind::OutsideAsked)).await?.then_some(id))
}

async fn decide(it: &Installation, id: Uuid, decision: &Decision<'_>, by: UserId) -> anyhow::Result<bool> {
    Ok(requests::decide(&it.db, id, decision, by, &entry(FlowKind::OutsideDecided)).await?)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_id_asks_once_and_is_decided_once(db: PgPool) -> anyhow::Result<()> {
    let (it, asker, by) = with_integration(db).await?;
    let id = ask(&it, &asker, "c-1", 10).await?.context("not asked")?;
    assert_eq!(ask(&it, &asker, "c-1", 10).await?, None);
    let before =
        requests::asked_before(&it.db, &asker, OutsideKind::Approval, "c-1").await?.context("nothing asked")?;
    assert_eq!((before.id, before.digest, before.telling), (id, vec![1; 32], None));
    assert!(requests::asked_before(&it.db, &asker, OutsideKind::Execution, "c-1").await?.is_none());
    assert_eq!(it.count("SELECT count(*) FROM notices WHERE kind = 'outside'").await?, 1);

    let decisions: Vec<_> =
        (0..8).map(|n| if n % 2 == 0 { Decision::Approve } else { Decision::Deny(Some("No.")) }).collect();
    let tries = decisions.iter().map(|decision| decide(&it, id, decision, by));
    let counted = futures::future::try_join_all(tries).await?;
    assert_eq!(counted.iter().filter(|counted| **counted).count(), 1);
    let audited = "SELECT count(*) FROM flow_events WHERE kind = 'outside.decided'";
    assert_eq!(it.count(audited).await?, 1);
    let unread =
        "SELECT count(*) FROM notifications AS w JOIN notices AS n ON n.id = w.notice_id WHERE w.read_at IS NULL";
    assert_eq!(it.count(unread).await?, 0);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn so_many_are_open_and_a_withdrawn_integration_asks_nothing(db: PgPool) -> anyhow::Result<()> {
    let (it, asker, by) = with_integration(db).await?;
    let first = ask(&it, &asker, "c-1", 2).await?.context("not asked")?;
    ask(&it, &asker, "c-2", 2).await?.context("not asked")?;
    assert_eq!(ask(&it, &asker, "c-3", 2).await?, None);
    assert!(decide(&it, first, &Decision::Approve, by).await?);
    assert!(ask(&it, &asker, "c-3", 2).await?.is_some());

    assert!(integrations::withdraw(&it.db, asker.id, &entry(FlowKind::IntegrationWithdrawn)).await?);
    assert!(!integrations::withdraw(&it.db, asker.id, &entry(FlowKind::IntegrationWithdrawn)).await?);
    assert!(integrations::recognise(&it.db, &[7; 32]).await?.is_none());
    // Whoever was recognised a moment before.
    assert_eq!(ask(&it, &asker, "c-4", 10).await?, None);
    for _ in 0..2 {
        assert!(requests::expire(&it.db, &entry(FlowKind::OutsideExpired)).await?.is_some());
    }
    assert_eq!(requests::expire(&it.db, &entry(FlowKind::OutsideExpired)).await?, None);
    assert_eq!(it.count("SELECT count(*) FROM integration_requests WHERE state = 'requested'").await?, 0);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_nobody_decides_in_time_is_closed_and_told(db: PgPool) -> anyhow::Result<()> {
    let (it, asker, by) = with_integration(db).await?;
    let id = ask(&it, &asker, "c-1", 10).await?.context("not asked")?;
    assert_eq!(requests::expire(&it.db, &entry(FlowKind::OutsideExpired)).await?, None);
    assert!(telling::claim(&it.db, TTL).await?.is_none(), "there is nothing to tell yet");
    it.wait(61).await?;
    assert!(!decide(&it, id, &Decision::Approve, by).await?, "its time is over, closed or not");
    assert_eq!(requests::expire(&it.db, &entry(FlowKind::OutsideExpired)).await?, Some(id));
    let tell = telling::claim(&it.db, TTL).await?.context("nothing is to be told")?;
    assert_eq!((tell.id, tell.state.0, tell.correlation_id.as_str()), (id, OutsideState::Expired, "c-1"));
    let audited: serde_json::Value =
        sqlx::query_scalar("SELECT data FROM flow_events WHERE kind = 'outside.expired'").fetch_one(&it.db).await?;
    assert_eq!(audited, json!({ "request": id, "integration": asker.id }));
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_worker_tells_and_a_late_one_changes_nothing(db: PgPool) -> anyhow::Result<()> {
    let (it, asker, by) = with_integration(db).await?;
    let id = ask(&it, &asker, "c-1", 10).await?.context("not asked")?;
    assert!(decide(&it, id, &Decision::Deny(Some("No.")), by).await?);
    let first = telling::claim(&it.db, TTL).await?.context("nothing is to be told")?;
    assert!(telling::claim(&it.db, TTL).await?.is_none(), "it is leased");
    it.wait(31).await?;
    let second = telling::claim(&it.db, TTL).await?.context("the lease does not end")?;
    assert_eq!(second.answer.as_ref().map(|answer| answer.text.as_str()), Some("No."));
    assert!(
        !telling::told(&it.db, &first).await?
            && !telling::failed(&it.db, &first, "late", Next::Over(TellState::Failed)).await?
    );
    assert!(telling::failed(&it.db, &second, "it answered 503", Next::Again(Duration::from_secs(2), false)).await?);
    assert!(telling::claim(&it.db, TTL).await?.is_none(), "not so soon");
    it.wait(3).await?;
    let third = telling::claim(&it.db, TTL).await?.context("it is not tried again")?;
    assert_eq!(
        (third.attempts, first.answer_lost, third.answer_lost),
        (1, false, true),
        "what the first heard is lost"
    );
    assert!(telling::told(&it.db, &third).await?);
    it.wait(31).await?;
    assert!(telling::claim(&it.db, TTL).await?.is_none(), "it knows");
    Ok(())
}
