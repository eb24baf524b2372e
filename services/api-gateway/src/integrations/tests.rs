use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures::stream;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::*;
use crate::forward::tests::client;

const CALLBACK: &str = "/api/v1/approvers/callback";
const ASK: &str = "/api/v1/approvers/approve";

/// A control-plane that believes everything, and answers one way only when it may.
struct Platform {
    router: Router,
    arrivals: UnboundedReceiver<()>,
    /// What part of an address is not answered now.
    silent: watch::Sender<&'static str>,
}

impl Platform {
    async fn start() -> Self {
        let ((arrived, arrivals), (silent, _)) = (unbounded_channel(), watch::channel("nothing"));
        let silenced = silent.clone();
        let answers = Router::new().fallback(move |uri: Uri| answer(uri, arrived.clone(), silenced.subscribe()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, answers).await.unwrap() });
        Self { router: router(client(&format!("http://{address}"))).unwrap(), arrivals, silent }
    }

    async fn says(&self, to: &str) -> StatusCode {
        self.router.clone().oneshot(request(to, Body::from(said(to).to_string()))).await.unwrap().status()
    }
}

async fn answer(uri: Uri, arrived: UnboundedSender<()>, mut silent: watch::Receiver<&'static str>) -> Response {
    arrived.send(()).unwrap();
    silent.wait_for(|part| !uri.path().contains(part)).await.unwrap();
    let ask = json!({ "verdict": "pending", "words": "queued" });
    Json(if uri.path().contains("outside") { ask } else { json!({ "status": "ok" }) }).into_response()
}

fn request(to: &str, body: Body) -> Request {
    let random = "A".repeat(43);
    let target = if to == CALLBACK { format!("{to}?token=cxc_{random}") } else { to.to_owned() };
    let request = Request::post(target).header(CONTENT_TYPE, "application/json");
    request.header(AUTHORIZATION, format!("Bearer cxi_{random}")).body(body).unwrap()
}

fn said(to: &str) -> Value {
    if to == CALLBACK { json!({ "correlation_id": "c-1", "decision": "approve" }) } else { json!({}) }
}

/// A body that never comes; whoever begins to read it is heard of.
fn nothing(read: &UnboundedSender<()>) -> Body {
    let read = read.clone();
    Body::from_stream(stream::once(async move {
        read.send(()).unwrap();
        std::future::pending::<std::io::Result<Bytes>>().await
    }))
}

#[tokio::test]
async fn who_sends_slowly_keeps_nobody_out() {
    let platform = Platform::start().await;
    let (read, mut reads) = unbounded_channel();
    let mut slow = JoinSet::new();
    for to in [CALLBACK, ASK].repeat(AT_ONCE + 1) {
        slow.spawn(platform.router.clone().oneshot(request(to, nothing(&read))));
    }
    for _ in 0..slow.len() {
        tokio::select! {
            _ = reads.recv() => {}
            Some(Ok(Ok(refused))) = slow.join_next() => panic!("{}", refused.status()),
        }
    }
    assert_eq!(platform.says(CALLBACK).await, StatusCode::OK);
    assert_eq!(platform.says(ASK).await, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn callbacks_and_asks_leave_each_other_their_places() {
    for (full, other, silent, answered) in
        [(CALLBACK, ASK, "callbacks", StatusCode::ACCEPTED), (ASK, CALLBACK, "outside", StatusCode::OK)]
    {
        let mut platform = Platform::start().await;
        platform.silent.send_replace(silent);
        let mut under_way = JoinSet::new();
        for _ in 0..AT_ONCE {
            under_way.spawn(platform.router.clone().oneshot(request(full, Body::from(said(full).to_string()))));
        }
        for _ in 0..AT_ONCE {
            platform.arrivals.recv().await.unwrap();
        }
        assert_eq!(platform.says(full).await, StatusCode::SERVICE_UNAVAILABLE, "{full}");
        assert_eq!(platform.says(other).await, answered, "{other}");
        platform.silent.send_replace("nothing");
        while let Some(done) = under_way.join_next().await {
            assert!(done.unwrap().unwrap().status().is_success());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_has_one_time_from_beginning_to_end() {
    let router = router(client("http://127.0.0.1:9")).unwrap();
    for to in [CALLBACK, ASK] {
        // Each piece comes sooner than the whole has to.
        let pieces = stream::unfold((), async |()| {
            tokio::time::sleep(BODY_TIME / 2).await;
            Some((Ok::<_, std::io::Error>(" "), ()))
        });
        let begin = tokio::time::Instant::now();
        let answer = router.clone().oneshot(request(to, Body::from_stream(pieces))).await.unwrap();
        assert_eq!((answer.status(), begin.elapsed().as_secs()), (StatusCode::REQUEST_TIMEOUT, BODY_TIME.as_secs()));
    }
}

#[tokio::test]
async fn no_body_is_read_for_what_is_no_token() {
    let router = router(client("http://127.0.0.1:9")).unwrap();
    let secret = format!("cxc_{}", "A".repeat(43));
    for (target, status) in [
        (CALLBACK.to_owned(), 422),
        (format!("{CALLBACK}?token={secret}&token={secret}"), 422),
        (format!("{CALLBACK}?token="), 404),
        (format!("{CALLBACK}?token=cxr_{}", "A".repeat(43)), 404),
        (ASK.to_owned(), 401),
    ] {
        let (read, mut reads) = unbounded_channel();
        let request = Request::post(&target).header(CONTENT_TYPE, "application/json").body(nothing(&read)).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status().as_u16(), status, "{target}");
        assert!(reads.try_recv().is_err(), "{target}");
    }
}
