//! The staff API as it is forwarded: what passes in, what comes back, and what never does.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use contract::assertion::{Caller, system_clock};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::platform::{answer, problem};
use crate::stack::{PUBLIC_URL, Stack, sent};
use crate::tokens::{SESSION, USER, good, of};

const RUN: &str = "019f0000-0000-7000-8000-00000000000a";

fn projects() -> Value {
    json!({ "items": [], "next_cursor": "c" })
}

#[tokio::test]
async fn method_address_body_and_caller_arrive() {
    let stack = Stack::start().await;
    stack.platform.answers(|_| answer(200, &projects()));
    let (status, headers, body) =
        sent(stack.get("/api/v1/staff/projects?limit=5&cursor=a%2Fb%20c").bearer_auth(good())).await;
    assert_eq!((status, body), (200, projects()));
    assert_eq!(headers["cache-control"], "no-store");
    let caller = Caller::Staff {
        user_id: USER.parse::<uuid::Uuid>().unwrap().into(),
        session_id: SESSION.parse::<uuid::Uuid>().unwrap().into(),
    };
    assert_eq!(stack.platform.asked()[0].caller, caller);
    stack.platform.answers(|_| problem(409, "slug_taken"));
    let new = json!({ "slug": "shop", "name": "Shop" });
    let (status, _, body) = sent(stack.post("/api/v1/staff/projects").bearer_auth(good()).json(&new)).await;
    assert_eq!((status, &body["code"]), (409, &json!("slug_taken")));
    assert_eq!(serde_json::from_slice::<Value>(&stack.platform.asked()[1].body).unwrap(), new);
    assert_eq!(
        stack.platform.lines(),
        ["GET /api/v1/staff/projects?limit=5&cursor=a%2Fb%20c", "POST /api/v1/staff/projects"]
    );
}

#[tokio::test]
async fn only_chosen_headers_pass_in_either_direction() {
    let stack = Stack::start().await;
    stack.platform.answers(|_| {
        let inside = [("etag", "\"3\""), ("server", "inner"), ("set-cookie", "a=b"), ("x-internal", "1")];
        (inside, answer(200, &projects())).into_response()
    });
    let request = stack
        .get("/api/v1/staff/projects")
        .bearer_auth(good())
        .header("cookie", "codexk8s_session=x")
        .header("x-codexk8s-assertion", "forged")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x-user-id", "1");
    let (_, headers, _) = sent(request).await;
    let asked = &stack.platform.asked()[0];
    for name in ["cookie", "authorization", "x-forwarded-for", "x-user-id", "user-agent"] {
        assert!(!asked.headers.contains_key(name), "{name} went in");
    }
    assert_ne!(asked.headers["x-codexk8s-assertion"], "forged");
    for name in ["server", "set-cookie", "x-internal", "x-codexk8s-assertion"] {
        assert!(!headers.contains_key(name), "{name} came out");
    }
    assert_eq!(headers["etag"], "\"3\"");
    assert_eq!(headers["x-correlation-id"], asked.headers["x-correlation-id"]);
}

#[tokio::test]
async fn what_breaks_the_contract_is_refused_before_it_is_forwarded() {
    let stack = Stack::start().await;
    let new = json!({ "slug": "Shop!", "extra": 1 });
    let (status, _, body) = sent(stack.post("/api/v1/staff/projects?x=1").bearer_auth(good()).json(&new)).await;
    let mut fields: Vec<_> =
        body["fields"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!((status, fields), (422, vec!["/extra", "/name", "/slug", "query.x"]));
    let large = "x".repeat(1024 * 1024 + 1);
    let request = stack.post("/api/v1/staff/projects").bearer_auth(good()).header("content-type", "application/json");
    assert_eq!(sent(request.body(large)).await.0, 413);
    for path in ["/api/v1/staff/nothing", "/internal/v1/sign-ins", "/api/v1/run/context"] {
        let (status, _, body) = sent(stack.post(path).bearer_auth(good()).json(&json!({}))).await;
        assert!(status == 404, "{path}: {status} {body}");
    }
    assert!(stack.platform.asked().is_empty());
}

#[tokio::test]
async fn writes_from_another_site_are_refused_even_with_a_token() {
    let stack = Stack::start().await;
    let write = || stack.post(&format!("/api/v1/staff/runs/{RUN}/cancel")).bearer_auth(good());
    let (status, _, body) = sent(write().header("sec-fetch-site", "cross-site")).await;
    assert_eq!((status, &body["code"]), (403, &json!("foreign_origin")));
    assert!(stack.platform.asked().is_empty());
    sent(write().header("sec-fetch-site", "same-origin")).await;
    assert_eq!(stack.platform.lines().len(), 1);
}

#[tokio::test]
async fn live_events_pass_as_they_come() {
    let stack = Stack::start().await;
    let (events, source) = futures::channel::mpsc::unbounded::<Result<&'static str, std::io::Error>>();
    let source = std::sync::Mutex::new(Some(source));
    stack.platform.answers(move |_| {
        let body = Body::from_stream(source.lock().unwrap().take().unwrap());
        Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
    });
    let request =
        stack.get(&format!("/api/v1/staff/runs/{RUN}/stream")).bearer_auth(good()).header("last-event-id", "41");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(stack.platform.asked()[0].headers["last-event-id"], "41");
    let mut stream = response.bytes_stream();
    for text in ["id: 42\n\n", "id: 43\n\n"] {
        // The next one is sent only after this one was seen: nothing on the way waits for more.
        events.unbounded_send(Ok(text)).unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), text);
    }
    drop(events);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stop_ends_live_streams_and_the_process_at_once() {
    let mut stack = Stack::start().await;
    stack.platform.answers(|_| {
        let body = Body::from_stream(futures::stream::pending::<Result<&'static str, std::io::Error>>());
        Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
    });
    let response = stack.get("/api/v1/staff/runs/stream").bearer_auth(good()).send().await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), stack.stopped()).await.unwrap().unwrap();
    assert_eq!(response.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn a_rate_is_a_persons_own() {
    let stack = Stack::with(PUBLIC_URL, system_clock, &[("STAFF_RATE", "1"), ("STAFF_BURST", "3")]).await;
    stack.platform.answers(|_| answer(200, &projects()));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(sent(stack.get("/api/v1/staff/projects").bearer_auth(good())).await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    let (_, headers, body) = sent(stack.get("/api/v1/staff/projects").bearer_auth(good())).await;
    assert_eq!((&headers["retry-after"], &body["code"]), (&"1".parse().unwrap(), &json!("too_many_requests")));
    let other = of("019f0000-0000-7000-8000-000000000009");
    assert_eq!(sent(stack.get("/api/v1/staff/projects").bearer_auth(other)).await.0, 200);
}

#[tokio::test]
async fn a_control_plane_that_is_gone_is_503() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    drop(silent);
    let stack = Stack::with(PUBLIC_URL, system_clock, &[("CONTROL_PLANE_URL", &address)]).await;
    let asking = sent(stack.get("/api/v1/staff/me").bearer_auth(good()));
    let (status, _, body) = tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap();
    assert_eq!((status, &body["code"]), (503, &json!("platform_unavailable")));
    assert!(!body.to_string().contains("127.0.0.1"), "{body}");
}
