//! What a system of others may not: ask without its token, or in another format, or too much; be called back where nothing
//! is called; or reach anybody who does not manage the project.

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use stories::{Pod, id_of};

use super::{add, answer, audited, decide, open, pending, request, said, with, with_asker, with_asker_alone};

#[tokio::test]
async fn only_the_token_of_an_integration_asks_and_only_what_it_may() -> Result<()> {
    let (mut t, asker, _) = with_asker_alone().await?;
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    let pod = Pod::launch(&t).await?;
    let asks_only = add(&t, &t.owner, "Question bot", &["execution"]).await?.ok()?;
    let asks_only = format!("Bearer {}", asks_only["token"].as_str().context("no token")?);
    let (base, public, agents) =
        (t.platform.integrations_url().to_owned(), t.platform.url().to_owned(), t.platform.agents_url().to_owned());
    let (approve, execute) = (format!("{base}/api/v1/approvers/approve"), format!("{base}/api/v1/executors/execute"));
    let (unknown, run) = (format!("Bearer cxi_{}", "A".repeat(43)), format!("Bearer {}", pod.token()));
    let staff = format!("Bearer {}", t.owner.access_token());
    for (url, authorization, status) in [
        (&approve, None, 401),
        (&approve, Some("Bearer "), 401),
        (&approve, Some("Basic Y3hpOng="), 401),
        (&approve, Some(unknown.as_str()), 401),
        (&execute, Some(run.as_str()), 401),
        (&approve, Some(run.as_str()), 401),
        (&approve, Some(staff.as_str()), 401),
        (&approve, Some(asks_only.as_str()), 403),
    ] {
        // Nothing of the body is read before it is known who asks.
        for body in [asker.approval("c-1").to_string(), "{".to_owned()] {
            let refused = asker.posts(url, authorization, body).await?;
            assert_eq!(refused.status.as_u16(), status, "{authorization:?} {}", refused.body);
            assert!(refused.body["title"].is_string() && refused.body["decision"].is_null());
        }
    }
    let allowed = asker.posts(&execute, Some(&asks_only), asker.execution("e-1").to_string()).await?;
    assert_eq!(said(&allowed), pending());
    for elsewhere in [public, agents] {
        let url = format!("{elsewhere}/api/v1/executors/execute");
        let refused = asker.posts(&url, Some(&asks_only), asker.execution("e-2").to_string()).await?;
        assert!(refused.status.is_client_error(), "{url} {}", refused.status);
    }
    assert_eq!(asker.asks(&asker.approval("c-2")).await?.status.as_u16(), 202);
    t.platform.still_runs()
}

#[tokio::test]
async fn what_is_malformed_is_refused_in_the_formats_own_words() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    let link = json!({ "text": "PR", "url": "https://git.test" });
    for (fields, words) in [
        (json!({ "correlation_id": "c".repeat(53) }), "error correlation_id must be 1-52 bytes"),
        (json!({ "tool": null }), "error tool must be a text"),
        (json!({ "arguments": [] }), "error arguments must be an object"),
        (json!({ "justification": "Because." }), "error justification must be 10-500 characters"),
        (json!({ "approval_request": 7 }), "error approval_request must be a text"),
        (json!({ "risk_assessment": "x".repeat(501) }), "error risk_assessment must be 10-500 characters"),
        (json!({ "links_to_code": vec![link; 6] }), "error links_to_code must have 0-5 entries"),
        (json!({ "lang": 7 }), "error lang must be a text"),
        (json!({ "markup": {} }), "error markup must be a text"),
        (json!({ "timeout_sec": 0 }), "error timeout_sec must be a whole number"),
        (json!({ "callback": {} }), "error callback.url must be a text"),
    ] {
        let (status, told) = said(&asker.asks(&with(asker.approval("c-1"), &fields)).await?);
        assert!(status == 400 && told.starts_with(words), "{fields}: {status} {told}");
    }
    for (fields, words) in [
        (json!({ "correlation_id": "e|1" }), "error correlation_id must not hold |"),
        (json!({ "tool": {} }), "error tool.name must be a text"),
        (json!({ "arguments": { "question": "Which one is it?", "options": ["One"] } }), "error arguments.options"),
        (json!({ "spec": { "options_min": "two" } }), "error spec.options_min must be a whole number"),
        (json!({ "timeout_sec": 259_201 }), "error timeout_sec must be a whole number"),
    ] {
        let (status, told) = said(&asker.asks(&with(asker.execution("e-1"), &fields)).await?);
        assert!(status == 400 && told.starts_with(words), "{fields}: {status} {told}");
    }
    let url = format!("{}/api/v1/approvers/approve", t.platform.integrations_url());
    let token: String = format!("Bearer {}", asker.token());
    for (body, status) in
        [("{\"tool\":".to_owned(), 400), ("[]".to_owned(), 400), (String::new(), 400), ("x".repeat(70_000), 413)]
    {
        let refused = asker.posts(&url, Some(&token), body).await?;
        assert_eq!(refused.status.as_u16(), status, "{}", refused.body);
        assert_eq!(refused.body["decision"].is_string(), status == 400, "{}", refused.body);
    }
    assert_eq!(t.owner.get("integration-requests").await?["items"], json!([]));
    t.platform.still_runs()
}

#[tokio::test]
async fn nothing_inside_is_called_back() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    for url in [
        "http://control-plane.codex-k8s.svc:8080/internal/v1/outside/asks",
        "http://kubernetes.default.svc",
        "http://kube-dns.kube-system.svc:53",
        "http://169.254.169.254/latest",
        "http://127.0.0.1:5432",
        "http://[::1]/",
        "http://localhost:8080",
        "http://approver.example.com",
        "https://metadata.google.internal",
        "https://me:secret@approver.example.com",
        "ftp://approver.tools.svc",
        "approver",
    ] {
        let body = with(asker.approval("c-1"), &json!({ "callback": { "url": url } }));
        let (status, words) = said(&asker.asks(&body).await?);
        assert!(status == 400 && words.starts_with("error callback.url"), "{url}: {status} {words}");
    }
    let rebound = with(asker.approval("c-1"), &json!({ "callback": { "url": "http://metadata.tools.svc/" } }));
    assert_eq!(said(&asker.asks(&rebound).await?), pending());
    let id = id_of(&open(&t.owner).await?)?;
    decide(&t.owner, &id, &json!({ "decision": "approve" })).await?.ok()?;
    stories::until("refused", async || {
        let trouble = request(&t, &id).await?["told"]["trouble"].clone();
        Ok(trouble.as_str().is_some_and(|words| words.contains("169.254.169.254") && words.contains("link-local")))
    })
    .await?;
    assert_eq!(asker.told(), Vec::<Value>::new());
    t.platform.still_runs()
}

#[tokio::test]
async fn too_much_of_one_integration_is_refused_until_something_is_decided() -> Result<()> {
    let (mut t, asker, integration) = with_asker().await?;
    asker.asks(&asker.approval("c-1")).await?.ok()?;
    let many = "INSERT INTO integration_requests (id, integration_id, project_id, kind, correlation_id, digest, asked,
                    callback_sealed, expires_at)
                SELECT gen_random_uuid(), integration_id, project_id, kind, 'more-' || n, digest, asked, callback_sealed, expires_at
                FROM integration_requests CROSS JOIN generate_series(2, 100) AS n";
    sqlx::query(many).execute(&t.platform.db).await?;
    let (status, words) = said(&asker.asks(&asker.approval("c-2")).await?);
    assert!(status == 429 && words.starts_with("error too many requests"), "{status} {words}");
    assert_eq!(said(&asker.asks(&asker.approval("c-1")).await?), pending(), "it is asked already");
    let listed = t.owner.get(&format!("projects/{}/integrations", t.project)).await?;
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["open"]), (&integration["id"], &json!(100)));
    let id = id_of(&open(&t.owner).await?)?;
    decide(&t.owner, &id, &json!({ "decision": "deny" })).await?.ok()?;
    assert_eq!(said(&asker.asks(&asker.approval("c-2")).await?), pending());
    t.platform.still_runs()
}

#[tokio::test]
async fn secrets_in_what_is_asked_are_shown_to_nobody() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    let secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
    let body = with(
        asker.approval("c-1"),
        &json!({ "arguments": { "token": secret }, "justification": format!("It uses {secret} now.") }),
    );
    assert_eq!(said(&asker.asks(&body).await?), pending());
    let seen = open(&t.owner).await?.to_string();
    assert!(!seen.contains(secret) && seen.contains("It uses"), "{seen}");
    let kept: String =
        sqlx::query_scalar("SELECT asked::text FROM integration_requests").fetch_one(&t.platform.db).await?;
    assert!(!kept.contains(secret), "{kept}");
    t.platform.still_runs()
}

#[tokio::test]
async fn who_manages_the_project_sets_integrations_up_and_decides_and_nobody_else() -> Result<()> {
    let (mut t, asker, integration) = with_asker().await?;
    asker.asks(&asker.approval("c-1")).await?.ok()?;
    asker.asks(&asker.execution("e-1")).await?.ok()?;
    let page = t.owner.get("integration-requests?state=open").await?;
    let (question, leave) = (id_of(&page["items"][0])?, id_of(&page["items"][1])?);
    let (writer, reader) = (t.console_of("writer").await?, t.console_of("reader").await?);
    t.add_user("stranger").await?;
    let stranger = t.console_of("stranger").await?;
    let (list, one) =
        (format!("projects/{}/integrations", t.project), format!("integrations/{}", id_of(&integration)?));
    for (who, status) in [(&writer, 403), (&reader, 403), (&stranger, 404)] {
        assert_eq!(add(&t, who, "Other", &["approval"]).await?.status.as_u16(), status);
        assert_eq!(who.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), status);
        let looked = who.call(Method::GET, &list, &Value::Null).await?.status.as_u16();
        assert_eq!(looked, if status == 404 { 404 } else { 200 });
        // What is asked does not exist for who may not decide it.
        assert_eq!(who.get("integration-requests").await?["items"], json!([]));
        for id in [&question, &leave] {
            let read = who.call(Method::GET, &format!("integration-requests/{id}"), &Value::Null).await?;
            assert_eq!(read.status.as_u16(), 404);
        }
        assert_eq!(decide(who, &leave, &json!({ "decision": "approve" })).await?.status.as_u16(), 404);
        assert_eq!(answer(who, &question, &json!({ "option": 0 })).await?.status.as_u16(), 404);
        assert_eq!(who.get("approvals?state=open").await?["open"], 0);
        assert_eq!(who.get("notifications").await?["items"], json!([]));
    }
    assert_eq!(add(&t, &t.owner, "RELEASE BOT", &["approval"]).await?.code(), "integration_exists");
    for new in [
        json!({ "name": "Other", "asks": [] }),
        json!({ "name": " x", "asks": ["approval"] }),
        json!({ "name": "Other", "asks": ["label"] }),
    ] {
        assert_eq!(t.owner.call(Method::POST, &list, &new).await?.code(), "invalid_request", "{new}");
    }
    assert_eq!(t.owner.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), 204);
    assert_eq!(t.owner.call(Method::DELETE, &one, &Value::Null).await?.status.as_u16(), 404);
    assert_eq!(t.owner.get(&list).await?["items"], json!([]));
    assert_eq!(add(&t, &t.owner, "Release bot", &["approval"]).await?.status.as_u16(), 201, "its name is free again");
    assert_eq!(audited(&t, "integration.added").await?.len(), 2);
    assert_eq!(audited(&t, "integration.withdrawn").await?.len(), 1);
    t.platform.still_runs()
}
