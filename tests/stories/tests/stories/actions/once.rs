//! What people let an agent do is done once: however many of them say so at the same moment, and wherever the worker dies
//! that does it. Another takes over and ends in the same state, with one row of the audit about it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster::Cluster;
use http::StatusCode;
use serde_json::{Value, json};
use store::approvals::apply;
use stories::{Kubernetes, Pod, Story, until};

use crate::channels::{asks_leave, with_channel, working};
use crate::databases::{self, connection, unique};
use crate::secrets::{self, asked_of, beside, decide, path, settled};

/// Where a worker dies.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// It has the lease and has looked at nothing.
    Claimed,
    /// It has seen that nothing has changed, and has touched nothing.
    Begun,
    /// It has done everything, and nobody knows.
    Done,
    /// It has said so.
    Noted,
}

const POINTS: [Point; 4] = [Point::Claimed, Point::Begun, Point::Done, Point::Noted];

/// An action that was approved, and how a worker's cluster is had.
struct Approved<'a> {
    t: &'a Story,
    request: Value,
    cluster: &'a dyn Fn() -> Cluster,
}

impl<'a> Approved<'a> {
    /// The agent asks, and the owner approves.
    async fn asked(
        t: &'a Story,
        pod: &Pod,
        (tool, arguments): (&str, Value),
        cluster: &'a dyn Fn() -> Cluster,
    ) -> Result<Self> {
        let request = asked_of(t, pod, tool, &arguments).await?;
        decide(&t.owner, &request, json!({})).await?.ok()?;
        Ok(Self { t, request, cluster })
    }

    /// A worker takes it, and dies at this point; then its lease is over.
    async fn dies(&self, at: Point) -> Result<()> {
        let db = &self.t.platform.db;
        match at {
            Point::Claimed | Point::Begun => {
                let claimed = apply::claim(db, "worker:first", Duration::from_secs(600)).await?;
                let claimed = claimed.context("nothing is to be done")?;
                ensure!(matches!(at, Point::Claimed) || apply::begin(db, &claimed).await?, "the lease is lost");
            }
            Point::Done => self.dies_before_its_note().await?,
            Point::Noted => {
                let worker = self.t.platform.worker_in((self.cluster)())?;
                settled(self.t, &self.request, "applied").await?;
                worker.die();
            }
        }
        let over = "UPDATE approvals SET lease_expires_at = app_now() - interval '1 second' WHERE state = 'applying'";
        sqlx::query(over).execute(db).await?;
        Ok(())
    }

    /// It does everything, and dies while its note waits for the run's row, which somebody else holds.
    async fn dies_before_its_note(&self) -> Result<()> {
        let db = &self.t.platform.db;
        let mut holder = db.acquire().await?;
        sqlx::query("BEGIN").execute(&mut *holder).await?;
        let hold = "SELECT FROM agent_runs WHERE id = (SELECT run_id FROM approvals WHERE id = $1::uuid) FOR UPDATE";
        sqlx::query(hold).bind(self.request["id"].as_str()).execute(&mut *holder).await?;
        let worker = self.t.platform.worker_in((self.cluster)())?;
        let waiting = |what: &str| {
            format!(
                "SELECT count({what}) FROM pg_stat_activity WHERE datname = current_database()
                 AND wait_event_type = 'Lock' AND query LIKE '%What was approved is done%'"
            )
        };
        let count = async |what: &str| -> Result<i64> {
            Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(waiting(what))).fetch_one(db).await?)
        };
        until("a worker that would note what it has done", async || Ok(count("*").await? == 1)).await?;
        worker.die();
        // Its statement would be carried out without it.
        until("the end of its statement", async || Ok(count("pg_terminate_backend(pid)").await? == 0)).await?;
        sqlx::query("ROLLBACK").execute(&mut *holder).await?;
        ensure!(self.t.owner.get(&path(&self.request, "")).await?["state"] == "applying", "it was noted");
        Ok(())
    }

    /// Another worker comes, and it is over.
    async fn is_taken_over(&self) -> Result<()> {
        let _worker = self.t.platform.worker_in((self.cluster)())?;
        let applied = settled(self.t, &self.request, "applied").await;
        applied.with_context(|| self.request.to_string())?;
        let sql = "SELECT count(*) FROM flow_events WHERE kind = 'request.applied' AND data ->> 'request' = $1";
        let told: i64 =
            sqlx::query_scalar(sql).bind(self.request["id"].as_str()).fetch_one(&self.t.platform.db).await?;
        ensure!(told == 1, "it was told {told} times that it is done");
        Ok(())
    }
}

/// A run of the writer's, and its pod.
async fn launched(t: &Story) -> Result<(u64, Pod)> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    Ok((issue, Pod::launch(t).await?))
}

#[tokio::test]
async fn labels_are_moved_once_wherever_a_worker_dies() -> Result<()> {
    let mut t = Story::begin().await?;
    let (issue, pod) = launched(&t).await?;
    let cluster = || Kubernetes::default().cluster();
    for at in POINTS {
        let label = format!("area:{at:?}");
        let arguments = json!({ "labels": [label], "why": "It belongs there." });
        let action = Approved::asked(&t, &pod, ("github_labels_add", arguments), &cluster).await?;
        action.dies(at).await?;
        let is_on = t.github.labels(issue).await?.contains(&label);
        assert_eq!(is_on, matches!(at, Point::Done | Point::Noted), "{at:?}");
        action.is_taken_over().await?;
        let labels = t.github.labels(issue).await?;
        assert_eq!(labels.iter().filter(|name| **name == label).count(), 1, "{labels:?}");
    }
    assert_eq!(store::flow::first_break(&t.platform.db, pod.lease.run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn an_object_is_made_once_wherever_a_worker_dies() -> Result<()> {
    let mut t = Story::begin().await?;
    let (_, pod) = launched(&t).await?;
    let sql = "SELECT namespace FROM agent_runs WHERE id = $1";
    let namespace: String = sqlx::query_scalar(sql).bind(pod.lease.run.0).fetch_one(&t.platform.db).await?;
    let environment = t.platform.environment.clone();
    let cluster = || environment.cluster();
    for at in POINTS {
        let name = format!("{at:?}").to_lowercase();
        let manifest = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "color": "blue" },
        });
        let arguments = json!({ "manifest": manifest.to_string() });
        let action = Approved::asked(&t, &pod, ("k8s_apply", arguments), &cluster).await?;
        action.dies(at).await?;
        let place = format!("configmaps/{name}");
        let before = environment.get(&namespace, &place);
        assert_eq!(before.is_some(), matches!(at, Point::Done | Point::Noted), "{at:?}");
        action.is_taken_over().await?;
        let after = environment.get(&namespace, &place).context("nothing was made")?;
        assert_eq!(after["data"], json!({ "color": "blue" }));
        assert!(before.is_none_or(|before| before == after), "twice is once");
    }
    assert_eq!(store::flow::first_break(&t.platform.db, pod.lease.run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_secret_has_one_value_wherever_a_worker_dies() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = beside(&t, "run:dev").await?;
    let kubernetes = Kubernetes::default();
    let cluster = || kubernetes.cluster();
    for at in POINTS {
        let (key, name) = (format!("KEY_{at:?}").to_uppercase(), format!("shop-{at:?}").to_lowercase());
        let mut arguments = secrets::wanted("random");
        arguments["github_secret_name"] = json!(key);
        arguments["kubernetes_secret_name"] = json!(name);
        let action = Approved::asked(&t, &pod, ("secret_sync_github_k8s", arguments), &cluster).await?;
        action.dies(at).await?;
        let there = async || -> Result<(Option<String>, Option<String>)> {
            let in_cluster = kubernetes.secret("acme-env-staging", &name).and_then(|all| all.get(&key).cloned());
            Ok((t.github.secret("staging", &key).await?, in_cluster))
        };
        let before = there().await?;
        assert_eq!(before.0.is_some() && before.1.is_some(), matches!(at, Point::Done | Point::Noted), "{at:?}");
        action.is_taken_over().await?;
        let after = there().await?;
        assert!(after.0.is_some() && after.0 == after.1, "{at:?}");
        assert!(before.0.is_none_or(|before| Some(before) == after.0), "{at:?}: it has another value now");
    }
    let sealed: i64 = sqlx::query_scalar("SELECT count(value_sealed) FROM approvals").fetch_one(&t.platform.db).await?;
    assert_eq!((sealed, store::flow::first_break(&t.platform.db, pod.lease.run).await?), (0, None));
    t.platform.still_runs()
}

#[tokio::test]
async fn a_database_is_made_once_wherever_a_worker_dies() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = beside(&t, "run:dev").await?;
    let kubernetes = Kubernetes::default();
    let cluster = || kubernetes.cluster();
    for at in POINTS {
        let name = unique();
        let wanted = databases::wanted("create", &name);
        let action = Approved::asked(&t, &pod, ("database_lifecycle", wanted), &cluster).await?;
        action.dies(at).await?;
        let before = connection(&kubernetes, &name);
        assert_eq!(before.is_some(), matches!(at, Point::Done | Point::Noted), "{at:?}");
        action.is_taken_over().await?;
        let after = connection(&kubernetes, &name).context("no Secret")?;
        assert!(before.is_none_or(|before| before == after), "{at:?}: it has another password now");
        let sql = "SELECT count(*) FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
                   JOIN project_databases AS p ON p.name = d.datname AND r.rolname = 'app_' || replace(p.id::text, '-', '')
                   WHERE d.datname = $1 AND p.state = 'ready'";
        let owned: i64 = sqlx::query_scalar(sql).bind(&name).fetch_one(&t.platform.db).await?;
        assert_eq!(owned, 1, "{at:?}");
    }
    assert_eq!(store::flow::first_break(&t.platform.db, pod.lease.run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn two_browsers_and_a_channel_that_approve_at_once_have_it_done_once() -> Result<()> {
    let (mut t, service, _) = with_channel("approver", &json!({})).await?;
    let pod = working(&mut t).await?;
    let id = asks_leave(&pod).await?;
    let request = t.owner.get(&format!("approvals/{id}")).await?;
    let (other, asked) = (t.console_of("owner").await?, service.asked_times(1).await?);
    let approve = json!({ "decision": "approve", "reason": "approved" });
    let (one, two, called) = tokio::join!(
        decide(&t.owner, &request, json!({})),
        decide(&other, &request, json!({})),
        service.calls_back(&asked, &approve),
    );
    let (consoles, called) = ([one?.status, two?.status], called?);
    let counted = consoles.iter().filter(|status| **status == StatusCode::OK).count()
        + usize::from(called.body["status"] == "ok");
    assert!(counted == 1 && called.status == StatusCode::OK, "{consoles:?} {}", called.body);
    let late = consoles.iter().filter(|status| **status == StatusCode::CONFLICT).count();
    assert!(late >= 1 && (late == 2) == (called.body["status"] == "ok"), "{consoles:?} {}", called.body);

    settled(&t, &request, "applied").await?;
    let denied = decide(&t.owner, &request, json!({ "decision": "deny", "words": "Too late." })).await?;
    let title = denied.body["title"].as_str().unwrap_or_default();
    assert_eq!((denied.status, denied.code()), (StatusCode::CONFLICT, "already_decided"));
    assert!(title.contains("has approved it already; it is applied"), "{title}");
    let denied = service.calls_back(&asked, &json!({ "decision": "deny", "reason": "Too late." })).await?;
    assert_eq!((denied.status, &denied.body["status"]), (StatusCode::OK, &json!("already resolved")));
    let sql = "SELECT kind FROM flow_events WHERE run_id = $1 AND kind LIKE 'request.%' ORDER BY seq";
    let told: Vec<String> = sqlx::query_scalar(sql).bind(pod.lease.run.0).fetch_all(&t.platform.db).await?;
    let decided = told.iter().filter(|kind| *kind == "request.approved" || *kind == "request.denied").count();
    let applied = told.iter().filter(|kind| *kind == "request.applied").count();
    assert_eq!((decided, applied), (1, 1), "{told:?}");
    assert_eq!(store::flow::first_break(&t.platform.db, pod.lease.run).await?, None);
    t.platform.still_runs()
}
