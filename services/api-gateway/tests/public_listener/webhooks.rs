//! Webhook ingress: who is believed, what is refused, and what the control-plane sees of it.

use std::time::Duration;

use contract::assertion::{Caller, system_clock};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::platform::{answer, problem};
use crate::stack::{PUBLIC_URL, SECOND_SECRET, SECRET, Stack, sent, signature};

const LABELED: &str = r#"{"action":"labeled", "issue":{"number":7}, "label":{"name":"run:dev"}}"#;

#[tokio::test]
async fn a_good_delivery_arrives_byte_for_byte_with_who_sent_it() {
    let stack = Stack::start().await;
    let receipt = json!({ "delivery_id": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "status": "accepted" });
    let expected = receipt.clone();
    stack.platform.answers(move |_| answer(202, &receipt));
    for secret in [SECRET, SECOND_SECRET] {
        let (status, _, body) = sent(stack.delivery("issues", LABELED, secret)).await;
        assert_eq!((status, body), (202, expected.clone()));
    }
    let asked = &stack.platform.asked()[0];
    assert_eq!(asked.line, "POST /internal/v1/webhooks/github");
    assert_eq!(asked.body, LABELED.as_bytes());
    let delivery_guid = "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned();
    assert_eq!(asked.caller, Caller::Webhook { event: "issues".to_owned(), delivery_guid });
}

#[tokio::test]
async fn a_signature_that_is_not_perfect_is_refused_and_nothing_arrives() {
    let stack = Stack::start().await;
    let good = signature(LABELED.as_bytes(), SECRET);
    let sha1 = "sha1=2fd4e1c67a2d28fced849ee1bb76e7391b93eb12".to_owned();
    let signatures = [
        None,
        Some(signature(LABELED.as_bytes(), "another-secret-altogether")),
        Some(signature(b"another body", SECRET)),
        Some(good[..good.len() - 2].to_owned()),
        Some(good.replace("sha256=", "")),
        Some(good.to_uppercase()),
        Some(sha1.clone()),
        Some(String::new()),
    ];
    for signature in signatures {
        let mut request = stack
            .post("/api/v1/webhooks/github")
            .header("x-github-event", "issues")
            .header("x-github-delivery", "d-1")
            .header("x-hub-signature", &sha1)
            .header("content-type", "application/json")
            .body(LABELED);
        if let Some(signature) = &signature {
            request = request.header("x-hub-signature-256", signature);
        }
        let (status, _, body) = sent(request).await;
        assert_eq!((status, &body["code"]), (401, &json!("bad_signature")), "{signature:?}");
    }
    // Not even whether it could be parsed is told to somebody without a secret.
    let (status, ..) = sent(stack.delivery("issues", "not json", "another-secret-altogether")).await;
    assert_eq!(status, 401);
    assert!(stack.platform.asked().is_empty());
}

#[tokio::test]
async fn missing_names_are_all_named() {
    let stack = Stack::start().await;
    let request = stack.post("/api/v1/webhooks/github").header("x-hub-signature-256", "sha256=00").body(LABELED);
    let (status, _, body) = sent(request).await;
    assert_eq!((status, &body["code"]), (400, &json!("missing_header")));
    assert_eq!(body["fields"][0]["field"], "header.X-GitHub-Event");
    assert_eq!(body["fields"][1]["field"], "header.X-GitHub-Delivery");
}

#[tokio::test]
async fn a_payload_under_another_events_name_is_refused() {
    let stack = Stack::start().await;
    for (event, payload, code) in [
        ("issue_comment", LABELED, "event_mismatch"),
        ("star", LABELED, "event_mismatch"),
        ("push", LABELED, "event_mismatch"),
        ("issues", r#"{"action":"created","issue":{},"comment":{}}"#, "event_mismatch"),
        ("issues", "[]", "malformed_json"),
        ("issues", "{", "malformed_json"),
    ] {
        let (status, _, body) = sent(stack.delivery(event, payload, SECRET)).await;
        assert_eq!((status, &body["code"]), (400, &json!(code)), "{event} {payload}");
    }
    let deep = format!(r#"{{"action":"x","issue":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(sent(stack.delivery("issues", deep, SECRET)).await.0, 400);
    let form = HeaderMap::from_iter([(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap())]);
    assert_eq!(sent(stack.delivery("issues", LABELED, SECRET).headers(form)).await.0, 415);
    assert!(stack.platform.asked().is_empty());
}

#[tokio::test]
async fn huge_bodies_are_refused_declared_or_not() {
    let stack = Stack::start().await;
    let huge = vec![b'x'; 26 * 1024 * 1024];
    let declared = format!(
        "POST /api/v1/webhooks/github HTTP/1.1\r\nhost: x\r\nx-github-event: issues\r\nx-github-delivery: d\r\n\
         x-hub-signature-256: {}\r\ncontent-length: {}\r\n\r\n",
        signature(&huge, SECRET),
        huge.len()
    );
    // Refused before a byte of it is sent.
    assert!(raw(&stack, declared.as_bytes()).await.starts_with("HTTP/1.1 413 "));
    let mut chunked = declared.split("content-length").next().unwrap().as_bytes().to_vec();
    chunked.extend_from_slice(format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", huge.len()).as_bytes());
    chunked.extend_from_slice(&huge);
    assert!(raw(&stack, &chunked).await.starts_with("HTTP/1.1 413 "));
    assert!(stack.platform.asked().is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_cut() {
    let stack = Stack::start().await;
    let head = "POST /api/v1/webhooks/github HTTP/1.1\r\nhost: x\r\nx-github-event: issues\r\nx-github-delivery: d\r\n\
                content-length: 100\r\n\r\n{";
    let answer = tokio::time::timeout(Duration::from_secs(10), raw(&stack, head.as_bytes())).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// Sends bytes and reads the head of the answer, however much of the bytes the other side wanted.
async fn raw(stack: &Stack, bytes: &[u8]) -> String {
    let stream = tokio::net::TcpStream::connect(stack.address.trim_start_matches("http://")).await.unwrap();
    let (mut input, mut output) = stream.into_split();
    let bytes = bytes.to_vec();
    let writing = tokio::spawn(async move {
        // The gateway closes when it has refused.
        let _ = output.write_all(&bytes).await;
        output
    });
    let mut head = [0; 64];
    let length = input.read(&mut head).await.unwrap();
    writing.abort();
    String::from_utf8_lossy(&head[..length]).into_owned()
}

#[tokio::test]
async fn headers_that_only_we_may_set_do_not_pass() {
    let stack = Stack::start().await;
    let spoofed = stack
        .delivery("issues", LABELED, SECRET)
        .header("x-codexk8s-assertion", "eyJhbGciOiJub25lIn0.e30.")
        .header("x-correlation-id", "00000000-0000-7000-8000-000000000000")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "for=10.0.0.1")
        .header("cookie", "a=b")
        .header("authorization", "Bearer x");
    sent(spoofed).await;
    let asked = &stack.platform.asked()[0];
    for name in ["x-forwarded-for", "x-forwarded-host", "forwarded", "cookie", "authorization", "x-github-event"] {
        assert!(!asked.headers.contains_key(name), "{name}");
    }
    assert_ne!(asked.headers["x-correlation-id"], "00000000-0000-7000-8000-000000000000");
}

#[tokio::test]
async fn what_could_not_be_stored_is_answered_503_within_two_seconds() {
    let stack = Stack::start().await;
    stack.platform.answers(|_| problem(500, "internal"));
    let (status, _, body) = sent(stack.delivery("issues", LABELED, SECRET)).await;
    assert_eq!((status, &body["code"]), (503, &json!("not_stored")));

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let stack = Stack::with(PUBLIC_URL, system_clock, &[("CONTROL_PLANE_URL", &address)]).await;
    let begin = std::time::Instant::now();
    assert_eq!(sent(stack.delivery("issues", LABELED, SECRET)).await.0, 503);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    drop(silent);
    assert_eq!(sent(stack.delivery("issues", LABELED, SECRET)).await.0, 503);
}

#[tokio::test]
async fn a_refusal_of_the_control_plane_passes_in_its_words() {
    let stack = Stack::start().await;
    stack.platform.answers(|_| problem(400, "malformed_payload"));
    let (status, headers, body) = sent(stack.delivery("issues", LABELED, SECRET)).await;
    assert_eq!((status, &body["code"]), (400, &json!("malformed_payload")));
    assert_eq!(headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn clocks_ten_minutes_apart_mean_503_never_a_wider_window() {
    for clock in [(|| system_clock() + 600) as fn() -> i64, || system_clock() - 600] {
        let stack = Stack::with(PUBLIC_URL, clock, &[]).await;
        let (status, _, body) = sent(stack.delivery("issues", LABELED, SECRET)).await;
        assert_eq!((status, &body["code"]), (503, &json!("not_stored")));
        assert!(stack.platform.asked().is_empty());
    }
}
