//! The run API: checked against its document, then passed on in the run's name.

use contract::assertion::Caller;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_beat_is_passed_on_in_the_runs_name() {
    let world = World::new().await;
    let answer = world.post("/api/v1/run/beat").json(&json!({ "phase": "working" })).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "stop": false, "waits": false }));
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

/// Sends a snapshot of this size. `None`: the connection was closed while it was sent, for what is declared too large is
/// not read, and then the client may find no answer any more.
async fn keep(world: &World, path: &str, media: &str, size: usize) -> Option<StatusCode> {
    let query = format!("version=1&sha256={}", "0".repeat(64));
    let url = world.url(&format!("/api/v1/run/{path}{}{query}", if path.contains('?') { "&" } else { "?" }));
    let request = world.client.put(url).bearer_auth(crate::world::TOKEN).header("content-type", media);
    match request.body(vec![7; size]).send().await {
        Ok(answer) => Some(answer.status()),
        Err(error) if error.is_request() => None,
        Err(error) => panic!("{error}"),
    }
}

// Hashing so much takes a debug build seconds, in which one thread alone could not ask about the token again.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_many_megabytes_arrives_whole_and_a_bigger_one_does_not() {
    const MIB: usize = 1024 * 1024;
    let session = "session?path=sessions/2026/01/02/rollout-a.jsonl&session_id=0192f0c1-2222-7333-8444-0123456789ab";
    for (path, media, most) in
        [(session, "application/gzip", 32 * MIB), ("worktree", "application/octet-stream", 64 * MIB)]
    {
        let world = World::new().await;
        assert_eq!(keep(&world, path, media, most).await, Some(StatusCode::NO_CONTENT));
        let forwarded = world.control.forwarded();
        assert_eq!((forwarded.len(), forwarded[0].body.len()), (1, most));
        assert!(forwarded[0].target.starts_with(&format!("/api/v1/run/{path}")), "{}", forwarded[0].target);
        let refused = keep(&world, path, media, most + 1).await;
        assert!(refused.is_none_or(|status| status == StatusCode::PAYLOAD_TOO_LARGE), "{refused:?}");
        assert_eq!(world.control.forwarded().len(), 1);
    }
}

#[tokio::test]
async fn a_run_that_is_being_stopped_may_keep_and_not_fetch() {
    let world = World::new().await;
    for path in ["session", "worktree"] {
        assert_eq!(world.get(&format!("/api/v1/run/{path}")).send().await.unwrap().status(), StatusCode::OK);
    }
    let world = World::new().await;
    world.control.change(|grant| grant.serves = contract::internal::RunGrantServes::Saving);
    assert_eq!(keep(&world, "worktree", "application/octet-stream", 10).await, Some(StatusCode::NO_CONTENT));
    for path in ["session", "worktree"] {
        assert_eq!(world.get(&format!("/api/v1/run/{path}")).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    }
}
