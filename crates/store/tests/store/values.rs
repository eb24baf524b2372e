//! The value of a secret on its way: sealed in the request's row from the moment it is known, and gone with it.

use std::time::Duration;

use anyhow::{Context, ensure};
use domain::approvals::policy::{Leave, Said};
use domain::approvals::secrets::{SecretPolicy, SecretSeen, SecretSync};
use domain::approvals::{Action, ApprovalKind, ApprovalMode, ApprovalState, Effect};
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::project_environments::EnvironmentKind;
use domain::run::RunStatus;
use serde_json::json;
use sqlx::PgPool;
use store::approvals::apply::{self, Applied, ToApply};
use store::approvals::secrets::{self, Decided};
use store::approvals::{self, Decision, Meant, Request};
use store::flow::Entry;
use store::outbound::LabelChange;
use store::runs::progress::{self, Ending};
use store::runs::{Lease, lease};
use uuid::Uuid;

use crate::support::{Installation, installation};

const SEALED: &[u8] = b"sealed";

fn action(policy: SecretPolicy) -> Action {
    let sync = SecretSync {
        environment: "staging".into(),
        kind: EnvironmentKind::Staging,
        namespace: "acme-env-staging".into(),
        repository: "acme/app".into(),
        github_secret: "SESSION_KEY".into(),
        kubernetes_secret: "shop".into(),
        kubernetes_key: "SESSION_KEY".into(),
        policy,
        idempotency_key: None,
    };
    let seen =
        SecretSeen { environment_id: Uuid::nil(), environment_version: 1, on_github: false, synced_before: false };
    Action { effect: Effect::Secret { sync, seen }, why: None }
}

fn entry(kind: FlowKind) -> Entry {
    Entry::new(kind, "worker:w1", json!({}))
}

/// A running run of an issue, whose agent asks for leave.
async fn asked(it: &Installation, issue: i64, policy: SecretPolicy) -> anyhow::Result<(RunId, Lease, Uuid, String)> {
    let run = it.start(issue).await?;
    let lease = lease::claim(&it.db, "w1", Duration::from_secs(30)).await?.context("no run waits")?;
    progress::open_launch(&it.db, lease).await?.context("the lease is lost")?;
    let (id, action) = (Uuid::now_v7(), action(policy));
    let (digest, asked) = (action.effect.digest(), json!(action));
    let ruling = Said::default().ruling(Leave::STRICTEST, ApprovalMode::Owner);
    let request = Request {
        id,
        run,
        launch: 1,
        kind: ApprovalKind::Action,
        leave: Some((&ruling, &digest)),
        tool: "secret_sync_github_k8s",
        asked: &asked,
        patience: Duration::from_secs(60),
        most: 5,
        flow: entry(FlowKind::RequestMade),
    };
    approvals::ask(&it.db, &request).await?;
    Ok((run, lease, id, digest))
}

fn meant(digest: &str) -> Meant<'_> {
    Meant { digest, mode: ApprovalMode::Owner }
}

async fn decide(it: &Installation, id: Uuid, decision: &Decision<'_>) -> anyhow::Result<bool> {
    let by = it.sees_all().user;
    Ok(approvals::decide(&it.db, id, decision, by, &entry(FlowKind::RequestApproved)).await?.is_some())
}

async fn claimed(it: &Installation) -> anyhow::Result<ToApply> {
    apply::claim(&it.db, "w1", Duration::from_secs(30)).await?.context("nothing is to be done")
}

async fn is_kept(it: &Installation, id: Uuid) -> anyhow::Result<bool> {
    let sql = "SELECT value_sealed IS NOT NULL FROM approvals WHERE id = $1";
    Ok(sqlx::query_scalar(sql).bind(id).fetch_one(&it.db).await?)
}

fn decided(value: &[u8]) -> Decided {
    Decided { value_sealed: value.to_vec(), plan: json!({ "github": "created", "kubernetes": "created" }) }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_wants_a_value_is_not_approved_without_one_and_nothing_else_with_one(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.allow(20).await?;
    let table = [
        (SecretPolicy::Provided, false, false),
        (SecretPolicy::Provided, true, true),
        (SecretPolicy::Random, true, false),
        (SecretPolicy::Random, false, true),
        (SecretPolicy::Deterministic, true, false),
    ];
    for (issue, (policy, with, expected)) in (1..).zip(table) {
        let (_, _, id, digest) = asked(&it, issue, policy).await?;
        let decision =
            if with { Decision::ApproveWith(meant(&digest), SEALED) } else { Decision::Approve(meant(&digest)) };
        assert_eq!(decide(&it, id, &decision).await?, expected, "{policy} {with}");
        assert_eq!(is_kept(&it, id).await?, with && expected, "{policy} {with}");
        ensure!(decide(&it, id, &Decision::Deny(meant(&digest), None)).await? != expected, "decided once");
    }
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_value_is_decided_once_and_by_whoever_has_the_lease(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.allow(20).await?;
    let (_, _, id, digest) = asked(&it, 1, SecretPolicy::Random).await?;
    let others = Meant { mode: ApprovalMode::Delegated, ..meant(&digest) };
    assert!(!decide(&it, id, &Decision::Approve(others)).await?, "whoever was told of another mode decides nothing");
    assert!(decide(&it, id, &Decision::Approve(meant(&digest))).await?);
    let frozen = claimed(&it).await?;
    assert!(secrets::decided(&it.db, &frozen).await?.is_none());
    let over = "UPDATE approvals SET lease_expires_at = app_now() - interval '1 second'";
    sqlx::query(over).execute(&it.db).await?;
    let action = claimed(&it).await?;
    assert!(secrets::decide(&it.db, &action, &decided(b"one")).await?);
    assert!(!secrets::decide(&it.db, &frozen, &decided(b"other")).await?, "its lease is over");
    assert!(!secrets::decide(&it.db, &action, &decided(b"another")).await?, "it is decided");
    sqlx::query(over).execute(&it.db).await?;
    let later = claimed(&it).await?;
    let kept = secrets::decided(&it.db, &later).await?.context("it is forgotten")?;
    assert!(later.begun && kept.value_sealed == b"one");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_value_is_gone_with_the_statement_that_ends_its_request(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.allow(20).await?;
    let ends = [ApprovalState::Applied, ApprovalState::Failed, ApprovalState::Unknown, ApprovalState::Stale];
    for (issue, state) in (1..).zip(ends) {
        let (_, _, id, digest) = asked(&it, issue, SecretPolicy::Provided).await?;
        assert!(decide(&it, id, &Decision::ApproveWith(meant(&digest), SEALED)).await? && is_kept(&it, id).await?);
        let action = claimed(&it).await?;
        assert_eq!(secrets::typed(&it.db, &action).await?.as_deref(), Some(SEALED));
        let flow = entry(FlowKind::RequestApplied);
        let applied = Applied { state, trouble: None, labels: LabelChange::default(), result: None, flow };
        assert!(apply::settle(&it.db, &action, &applied).await?);
        assert!(!is_kept(&it, id).await?, "{state}");
    }
    let (_, lease, id, digest) = asked(&it, 9, SecretPolicy::Provided).await?;
    assert!(decide(&it, id, &Decision::ApproveWith(meant(&digest), SEALED)).await?);
    let flow = entry(FlowKind::RunFinished);
    let (status, launch_failed) = (RunStatus::Failed, true);
    let ending = Ending { status, reason: None, detail: "", launch_failed, labels: &[], flow };
    assert!(progress::finish(&it.db, lease, &ending).await?);
    assert!(!is_kept(&it, id).await?, "the run has ended");
    Ok(())
}
