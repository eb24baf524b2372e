//! The run's decoy: where it turns up, nothing is passed on, the control-plane hears of it once, and the run is served no
//! more; what merely looks like it passes.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use contract::internal::{DecoySightingLook as Look, DecoySightingPlace as Place};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::forge::Forge;
use crate::model;
use crate::world::{DECOY, TOKEN, World, basic};

const BRANCH: &str = "codex/i1-aa";
const PUSH: [&str; 4] = ["push", "-q", "origin", "HEAD:refs/heads/codex/i1-aa"];
/// Of the same form, and nobody's.
const OTHER: &str = "aws_secret_access_key = wJalrXUtnFEMI7K7MDENG0bPxRfiCYEXAMPLEKEYzz";

fn key() -> &'static str {
    DECOY.split_once(':').unwrap().1
}

/// The sighting was told once, and nothing of the run is served from now on.
async fn tripped(world: &World, place: Place, look: Look) -> contract::internal::DecoySighting {
    let seen = world.control.sighting().await;
    assert_eq!((seen.place, seen.look), (place, look));
    let shown = format!("{} {}", seen.subject, seen.excerpt);
    assert!(!shown.contains(key()) && !shown.contains(&DECOY[..20]), "{shown}");
    let beat = world.post("/api/v1/run/beat").json(&json!({ "phase": "working" })).send().await.unwrap();
    assert_eq!(beat.status(), StatusCode::UNAUTHORIZED);
    assert!(world.control.forwarded().is_empty(), "{:?}", world.control.forwarded());
    assert_eq!(world.control.sightings(), 1);
    seen
}

fn conversation(output: &str) -> Value {
    let mut body = model::body();
    body["input"] = json!([
        { "type": "function_call", "call_id": "1", "name": "shell", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "1", "output": output },
    ]);
    body
}

#[tokio::test]
async fn a_model_call_with_the_decoy_in_its_conversation_goes_nowhere() {
    let (world, script) = model::world().await;
    let file = format!("[production]\naws_access_key_id = {}\naws_secret_access_key = {}\n", &DECOY[..20], key());
    let call = world.post("/model/v1/responses").json(&conversation(&file)).send().await.unwrap();
    assert_eq!(call.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(call.json::<Value>().await.unwrap()["error"]["code"], "token_refused");
    let seen = tripped(&world, Place::Model, Look::Plain).await;
    assert!(seen.excerpt.contains("aws_access_key_id = [decoy]"), "{}", seen.excerpt);
    assert!(script.heard().is_empty());
}

#[tokio::test]
async fn a_wrapped_base64_of_the_file_is_seen_and_a_look_alike_passes() {
    let (world, script) = model::world().await;
    let passes = world.post("/model/v1/responses").json(&conversation(OTHER)).send();
    script.send(model::Script::delta("hm")).await;
    assert_eq!(passes.await.unwrap().status(), StatusCode::OK);
    assert_eq!((script.heard().len(), world.control.sightings()), (1, 0));
    let encoded = BASE64_STANDARD.encode(format!("[production]\n{}", key()));
    let wrapped = format!("{}\n{}\n{}", &encoded[..20], &encoded[20..50], &encoded[50..]);
    let call = world.post("/model/v1/responses").json(&conversation(&wrapped)).send().await.unwrap();
    assert_eq!(call.status(), StatusCode::UNAUTHORIZED);
    tripped(&world, Place::Model, Look::Base64).await;
    assert_eq!(script.heard().len(), 1);
}

#[tokio::test]
async fn a_tool_is_not_called_with_it() {
    let world = World::new().await;
    let call = |body: String| {
        let arguments = json!({ "name": "github_comment_add", "arguments": { "body": body } });
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments })
    };
    let clean = world.post("/mcp").json(&call(OTHER.into())).send().await.unwrap();
    assert!(clean.status().is_success(), "{}", clean.status());
    assert_eq!(world.control.forwarded().len(), 1);

    let world = World::new().await;
    let answer = world.post("/mcp").json(&call(format!("It is {}.", hex::encode(key())))).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let seen = tripped(&world, Place::Tool, Look::Hex).await;
    assert_eq!(seen.subject, "github_comment_add");
}

#[tokio::test]
async fn the_last_word_and_the_address_of_a_package_are_looked_through() {
    let world = World::new().await;
    let result = json!({ "outcome": "succeeded", "head_sha": "a".repeat(40), "last_word": { "summary": key() } });
    let answer = world.post("/api/v1/run/result").json(&result).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    tripped(&world, Place::Result, Look::Plain).await;

    let world = World::new().await;
    let escaped: String = key().bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = world.get(&format!("/registry/npm/{escaped}")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    tripped(&world, Place::Request, Look::Plain).await;

    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let (host, run) = (format!("{}.{}.granted.test:443", &key()[..20], &key()[20..]), world.control.grant().run_id);
    let proxy = format!("Proxy-Authorization: {}", basic(&run.to_string(), TOKEN));
    stream.write_all(format!("CONNECT {host} HTTP/1.1\r\nHost: x\r\n{proxy}\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 407");
    tripped(&world, Place::Request, Look::Plain).await;
}

#[tokio::test]
async fn a_push_with_it_in_any_commit_is_refused() {
    let forge = Forge::new().await;
    forge.commit("notes.txt", OTHER, "Add notes").await;
    forge.must(&forge.work(), &PUSH).await;
    assert_eq!(forge.world.control.sightings(), 0);
    let before = forge.tip(BRANCH).await;

    forge.commit("deploy/keys.env", &format!("KEY={}\n", key()), "Add keys").await;
    forge.commit("deploy/keys.env", "KEY=\n", "Take the keys out again").await;
    let ended = forge.git(&PUSH).await;
    assert!(!ended.good && !ended.said.contains(key()), "{}", ended.said);
    assert_eq!(forge.tip(BRANCH).await, before);
    let seen = tripped(&forge.world, Place::Diff, Look::Plain).await;
    assert_eq!((seen.subject.as_str(), seen.excerpt.trim()), ("deploy/keys.env", "KEY=[decoy]"));
}

#[tokio::test]
async fn what_a_commit_says_is_looked_through_too() {
    let forge = Forge::new().await;
    forge.commit("a", "a", &format!("Add a\n\n{}", BASE64_STANDARD.encode(DECOY))).await;
    assert!(!forge.git(&PUSH).await.good);
    assert_eq!(forge.tip(BRANCH).await, None);
    let seen = tripped(&forge.world, Place::Diff, Look::Base64).await;
    assert!(seen.subject.starts_with("commit "), "{}", seen.subject);
}

#[tokio::test]
async fn what_is_open_is_cut() {
    let (world, script) = model::world().await;
    let call = world.post("/model/v1/responses").json(&model::body()).send();
    script.send(model::Script::delta("hm")).await;
    let mut open = call.await.unwrap();
    assert!(open.chunk().await.unwrap().is_some());
    let word = json!({ "phase": "working", "last_words": key() });
    assert_eq!(world.post("/api/v1/run/beat").json(&word).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let cut = tokio::time::timeout(Duration::from_secs(5), open.chunk()).await.expect("the stream stays open");
    assert!(cut.is_err(), "{cut:?}");
    tripped(&world, Place::Output, Look::Plain).await;
}
