//! Who sets channels up, where they may stand, and what they hear.

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use stories::{Story, id_of};

use super::{add, asks, asks_leave, change, heard, in_channel, request, with_channel, working};

#[tokio::test]
async fn a_channel_hears_what_those_at_its_end_may_decide_and_nothing_when_it_is_silenced() -> Result<()> {
    let (mut t, service, channel) = with_channel("approver", &json!({ "speaks_for": "delegated" })).await?;
    let pod = working(&mut t).await?;
    let strict = asks_leave(&pod).await?;
    let question = asks(&pod, true).await?;
    for id in [&strict, &question] {
        assert_eq!(request(&t, id).await?["channels"], Value::Null, "leave takes an owner, and it is no executor");
    }
    let channel = change(&t.owner, &channel, &json!({ "speaks_for": "owner" })).await?.ok()?;
    let later = pod.tool("github_labels_add", &json!({ "labels": ["area:api"] })).await?;
    let later = later["request_id"].as_str().context("no request")?.to_owned();
    let asked = service.asked_times(1).await?;
    in_channel(&t, &later, "asked").await?;
    let listed = t.owner.get(&format!("projects/{}/channels", t.project)).await?;
    assert_eq!((&listed["items"][0]["open"], &listed["items"][0]["last"]["state"]), (&json!(1), &json!("asked")));
    let channel = change(&t.owner, &channel, &json!({ "enabled": false })).await?.ok()?;
    in_channel(&t, &later, "withdrawn").await?;
    heard(
        &service.calls_back(&asked, &json!({ "decision": "approve", "reason": "approved" })).await?,
        "already resolved",
    );
    assert_eq!(request(&t, &later).await?["state"], "requested");
    change(&t.owner, &channel, &json!({ "enabled": true, "url": "http://metadata.tools.svc:80" })).await?.ok()?;
    let nowhere = pod.tool("github_labels_add", &json!({ "labels": ["area:cli"] })).await?;
    let nowhere = nowhere["request_id"].as_str().context("no request")?.to_owned();
    stories::until("refused", async || {
        let trouble = request(&t, &nowhere).await?["channels"][0]["trouble"].clone();
        Ok(trouble.as_str().is_some_and(|words| words.contains("169.254.169.254") && words.contains("link-local")))
    })
    .await?;
    assert_eq!(service.asked().len(), 1);
    t.platform.still_runs()
}

#[tokio::test]
async fn who_manages_the_project_sets_channels_up_and_nobody_else() -> Result<()> {
    let mut t = Story::begin().await?;
    let good = "http://approver.tools.svc:8080";
    let channel = add(&t, &t.owner, "approver", good, &json!({})).await?.ok()?;
    let facts = (&channel["speaks_for"], &channel["timeout_seconds"], &channel["enabled"], &channel["url"]);
    assert_eq!(facts, (&json!("owner"), &json!(3600), &json!(true), &json!(good)));
    assert_eq!(add(&t, &t.owner, "approver", good, &json!({ "name": "TEAM CHAT" })).await?.code(), "channel_exists");
    for url in [
        "http://api-gateway.codex-k8s.svc:8083",
        "http://kubernetes.default.svc",
        "http://kube-dns.kube-system.svc:53",
        "http://169.254.169.254/latest",
        "http://localhost:8080",
        "http://approver.example.com",
        "https://metadata.google.internal",
    ] {
        let refused = add(&t, &t.owner, "approver", url, &json!({ "name": "Other" })).await?;
        assert_eq!((refused.status.as_u16(), refused.code()), (422, "no_place_for_a_channel"), "{url}");
    }
    for url in
        ["ftp://approver.tools.svc", "http://me:secret@approver.tools.svc", "http://approver.tools.svc?x=1", "approver"]
    {
        assert_eq!(
            add(&t, &t.owner, "approver", url, &json!({ "name": "Other" })).await?.code(),
            "invalid_request",
            "{url}"
        );
    }
    let delegated = json!({ "name": "Other", "speaks_for": "delegated" });
    assert_eq!(add(&t, &t.owner, "executor", good, &delegated).await?.code(), "executor_speaks_for_owner");

    let (writer, reader) = (t.console_of("writer").await?, t.console_of("reader").await?);
    t.add_user("stranger").await?;
    let stranger = t.console_of("stranger").await?;
    let (list, one) = (format!("projects/{}/channels", t.project), format!("channels/{}", id_of(&channel)?));
    for (who, status) in [(&writer, 403), (&reader, 403), (&stranger, 404)] {
        assert_eq!(add(&t, who, "approver", good, &json!({ "name": "Other" })).await?.status.as_u16(), status);
        assert_eq!(change(who, &channel, &json!({ "enabled": false })).await?.status.as_u16(), status);
        assert_eq!(who.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), status);
        let looked = who.call(Method::GET, &list, &Value::Null).await?.status.as_u16();
        assert_eq!(looked, if status == 404 { 404 } else { 200 });
    }
    let changed = change(&t.owner, &channel, &json!({ "name": "On call", "locale": "ru" })).await?.ok()?;
    assert_eq!(
        (&changed["name"], &changed["locale"], &changed["version"]),
        (&json!("On call"), &json!("ru"), &json!(2))
    );
    assert_eq!(change(&t.owner, &channel, &json!({ "enabled": false })).await?.code(), "version_changed");
    assert_eq!(t.owner.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), 204);
    assert_eq!(t.owner.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), 404);
    assert_eq!(t.owner.get(&list).await?["items"], json!([]));
    let sql = "SELECT kind FROM flow_events WHERE run_id IS NULL AND kind LIKE 'channel.%' ORDER BY at, id";
    let audit: Vec<String> = sqlx::query_scalar(sql).fetch_all(&t.platform.db).await?;
    assert_eq!(audit, ["channel.added", "channel.changed", "channel.removed"]);
    t.platform.still_runs()
}
