//! The run API: checked against its document, then passed on in the run's name.

use contract::assertion::Caller;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_beat_is_passed_on_in_the_runs_name() {
    let world = World::new().await;
    let answer = world.post("/api/v1/run/beat").json(&json!({ "phase": "working" })).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "stop": false }));
    let forwarded = world.control.forwarded();
    let grant = world.control.grant();
    assert_eq!(forwarded[0].caller, Caller::Run { run_id: grant.run_id.into(), launch: 1 });
    assert_eq!((&forwarded[0].method, forwarded[0].target.as_str()), (&Method::POST, "/api/v1/run/beat"));
    assert_eq!(&forwarded[0].body[..], br#"{"phase":"working"}"#);
}

#[tokio::test]
async fn what_does_not_fit_the_document_stays_here() {
    let world = World::new().await;
    let wrong = json!({ "events": [{ "seq": 0, "at": "now", "kind": "step" }] });
    let answer = world.post("/api/v1/run/events").json(&wrong).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = answer.json().await.unwrap();
    let fields: Vec<_> =
        problem["fields"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect();
    for field in ["/events/0/seq", "/events/0/at"] {
        assert!(fields.contains(&field), "{fields:?}");
    }
    assert_eq!(world.get("/api/v1/run/secrets").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/v1/staff/me").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(world.control.forwarded().is_empty());
}

// Hashing so much takes a debug build seconds, in which one thread alone could not ask about the token again.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_many_megabytes_arrives_whole_and_a_bigger_one_does_not() {
    let world = World::new().await;
    let query = "version=1&path=sessions/2026/01/02/rollout-a.jsonl&session_id=0192f0c1-2222-7333-8444-0123456789ab\
        &sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let put = |size: usize| {
        let request =
            world.client.put(world.url(&format!("/api/v1/run/session?{query}"))).bearer_auth(crate::world::TOKEN);
        request.header("content-type", "application/gzip").body(vec![7; size]).send()
    };
    assert_eq!(put(32 * 1024 * 1024).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(world.control.forwarded()[0].body.len(), 32 * 1024 * 1024);
    assert!(world.control.forwarded()[0].target.ends_with(&query.replace(' ', "")));
    assert_eq!(put(32 * 1024 * 1024 + 1).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.control.forwarded().len(), 1);
}
