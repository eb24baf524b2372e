//! The label that says who approves is put on and taken off while people are asked.

use anyhow::{Context, Result};
use chrono::{Duration, Utc};
use domain::flow::FlowKind;
use http::StatusCode;
use serde_json::{Value, json};
use stories::{Delivery, Pod, Service, Story, labelled};

use crate::channels::{add, heard, in_channel};
use crate::tool_policies::{approves, project_says, puts_on, ruling, seen};

const LABEL: &str = "approve:owner";

/// A run whose agent asks for something that people who may start runs approve.
async fn asked(t: &Story) -> Result<(u64, Pod, Value)> {
    project_says(t, json!({ "github_labels_add": "delegated" })).await?.ok()?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(t).await?;
    let told = puts_on(&pod, "state:in-review").await?;
    Ok((issue, pod, told))
}

#[tokio::test]
async fn a_label_takes_the_decision_from_those_who_were_asked_and_gives_it_back() -> Result<()> {
    let mut t = Story::begin().await?;
    let service = Service::start().await?;
    add(&t, &t.owner, "approver", &service.url(), &json!({ "speaks_for": "delegated" })).await?.ok()?;
    let (issue, pod, told) = asked(&t).await?;
    t.platform.add_worker()?;
    let writer = t.console_of("writer").await?;
    let request = seen(&writer, &told).await?;
    let id = request["id"].as_str().context("no id")?.to_owned();
    assert_eq!((ruling(&request).as_str(), &request["may_decide"]), ("delegated [project]", &json!(true)));
    assert_eq!(writer.get("notifications?unread=true").await?["unread"], 1);
    let first = service.asked_times(1).await?;
    in_channel(&t, &id, "asked").await?;

    t.label("writer", issue, LABEL).await?;
    assert!(t.ledger().await?.ends_with("issues.labeled approve:owner → effected requests_ruled"));
    let owners = seen(&writer, &told).await?;
    assert_eq!((ruling(&owners).as_str(), &owners["may_decide"]), ("owner [issue]", &json!(false)));
    assert_eq!(owners["channels"][0]["state"], "withdrawn");
    assert_eq!(writer.get("notifications?unread=true").await?["unread"], 0);
    assert_eq!(approves(&writer, &owners).await?, StatusCode::FORBIDDEN);
    let approve = json!({ "decision": "approve", "reason": "approved" });
    heard(&service.calls_back(&first, &approve).await?, "already resolved");
    assert_eq!(seen(&t.owner, &told).await?["state"], "requested");

    t.unlabel("writer", issue, LABEL).await?;
    assert!(t.ledger().await?.ends_with("issues.unlabeled approve:owner → effected requests_ruled"));
    let again = seen(&writer, &told).await?;
    assert_eq!((ruling(&again).as_str(), &again["may_decide"]), ("delegated [project]", &json!(true)));
    assert_eq!(writer.get("notifications?unread=true").await?["unread"], 1);
    let second = service.asked_times(2).await?;
    assert_eq!(service.calls_back(&first, &approve).await?.status, StatusCode::NOT_FOUND, "it was asked anew");
    heard(&service.calls_back(&second, &approve).await?, "ok");
    assert_eq!(seen(&writer, &told).await?["decided_through"], "Team chat");

    let run = pod.lease.run;
    let sql = "SELECT data ->> 'mode' FROM flow_events WHERE run_id = $1 AND kind = $2 ORDER BY seq";
    let modes: Vec<String> =
        sqlx::query_scalar(sql).bind(run.0).bind(FlowKind::RequestRuled.as_str()).fetch_all(&t.platform.db).await?;
    assert_eq!(modes, ["owner", "delegated"]);
    assert_eq!(store::flow::first_break(&t.platform.db, run).await?, None);
    t.platform.still_runs()
}

#[tokio::test]
async fn events_in_the_wrong_order_do_not_loosen_what_a_label_asks_for() -> Result<()> {
    let mut t = Story::begin().await?;
    let (issue, _pod, told) = asked(&t).await?;
    let now = Utc::now();
    let moved = async |guid: &str, action: &str, seconds: i64| -> Result<()> {
        let at = (now + Duration::seconds(seconds)).to_rfc3339();
        let mut payload = labelled(&t, issue, LABEL, &at).await?;
        if action == "unlabeled" {
            payload["action"] = json!(action);
            payload["issue"]["labels"] = json!([]);
        }
        anyhow::ensure!(Delivery::issues(guid, &payload).send(&t).await?.status.is_success(), "not taken in");
        Ok(())
    };
    moved("on-again", "labeled", -10).await?;
    moved("off-before", "unlabeled", -20).await?;
    assert!(t.ledger().await?.ends_with("issues.unlabeled approve:owner → ignored not_trigger_label"));
    assert_eq!(ruling(&seen(&t.owner, &told).await?), "owner [issue]");
    moved("off-after", "unlabeled", -5).await?;
    assert_eq!(ruling(&seen(&t.owner, &told).await?), "delegated [project]");
    moved("on-before", "labeled", -20).await?;
    assert_eq!(ruling(&seen(&t.owner, &told).await?), "delegated [project]");
    t.platform.still_runs()
}
