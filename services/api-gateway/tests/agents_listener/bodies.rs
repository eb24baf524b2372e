//! Bodies as a pod may send them: such as would hold more than they look, such as never end, and large honest ones.

use contract::internal::BrokerEventKind;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::model;
use crate::world::{TOKEN, World};

const MODEL: &str = "/model/v1/responses";
const EVENTS: &str = "/api/v1/run/events";
const TOOLS: &str = "/mcp";
const BEAT: &str = "/api/v1/run/beat";

/// Small objects, as many as there is room for.
fn bomb(before: &str, size: usize) -> String {
    format!("{before}[{}{{}}]}}", r#"{"":0},"#.repeat(size / 7))
}

#[tokio::test]
async fn a_body_that_would_hold_too_much_is_refused_in_words_and_the_gateway_answers_on() {
    const MIB: usize = 1024 * 1024;
    let (world, script) = model::world().await;
    for (path, body) in [
        (MODEL, bomb(r#"{"model":"gpt-5.5","stream":true,"input":"#, 4 * MIB)),
        (MODEL, format!("{{\"input\":{}", r#"{"":"#.repeat(MIB))),
        (EVENTS, bomb(r#"{"events":"#, 7 * MIB)),
        (TOOLS, bomb(r#"{"jsonrpc":"2.0","params":"#, MIB / 5)),
    ] {
        let answer = world.post(path).header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "too_many_values", "{path}");
        assert!(problem["title"].as_str().unwrap().contains("more than"), "{problem}");
    }
    assert_eq!(world.control.event(BrokerEventKind::ModelRefused).await.data["code"], "too_many_values");
    assert!(script.heard().is_empty() && world.control.forwarded().is_empty());
    let beat = world.post(BEAT).json(&json!({ "phase": "working" })).send().await.unwrap();
    assert_eq!(beat.status(), StatusCode::OK);
    assert_eq!(model::call(&world).await.status(), StatusCode::OK);
}

/// A conversation of so many steps, each as codex sends it.
fn conversation(steps: usize) -> Value {
    let mut input =
        vec![json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "hi" }] })];
    for step in 0..steps {
        let id = format!("call_{step}");
        let (thought, printed) = ("A".repeat(900), format!("{{[\"{step}\",:]}}\n").repeat(80));
        input.push(json!({ "type": "reasoning", "id": id, "summary": [{ "type": "summary_text", "text": "So." }],
                           "content": null, "encrypted_content": thought }));
        input.push(json!({ "type": "function_call", "id": id, "status": "completed", "name": "exec_command",
                           "arguments": "{\"cmd\":\"ls\"}", "call_id": id }));
        input.push(json!({ "type": "function_call_output", "call_id": id, "output": printed }));
    }
    let mut call = model::body();
    call["input"] = input.into();
    call
}

#[tokio::test]
async fn a_long_conversation_and_a_full_batch_pass() {
    let (world, script) = model::world().await;
    let call = conversation(3000);
    assert!(call.to_string().len() > 6_000_000);
    let answer = world.post(MODEL).json(&call).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(script.heard()[0].1["input"].as_array().map(Vec::len), Some(9001));

    let event = |seq| {
        json!({ "seq": seq, "at": "2026-01-02T03:04:05Z", "kind": "command_end", "text": "{[,".repeat(5000),
                "item": "item_1", "exit_code": 0 })
    };
    let batch = json!({ "events": (1..=500).map(event).collect::<Vec<_>>() });
    let answer = world.post(EVENTS).json(&batch).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
}

/// Begins a report, and says when the gateway reads on for its body.
async fn begun(world: &World) -> TcpStream {
    let mut report = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "POST {BEAT} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {TOKEN}\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: 19\r\n\r\n"
    );
    report.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    report.read_exact(&mut answer).await.unwrap();
    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 100");
    report
}

#[tokio::test]
async fn reports_that_do_not_come_to_an_end_are_counted_from_their_beginning() {
    let world = World::new().await;
    let mut slow = Vec::new();
    for _ in 0..16 {
        slow.push(begun(&world).await);
    }
    let beat = || world.post(BEAT).json(&json!({ "phase": "working" })).send();
    let refused = beat().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "too_many_at_once");
    let mut one = slow.remove(0);
    one.write_all(br#"{"phase":"working"}"#).await.unwrap();
    let mut rest = vec![0; 4096];
    while !String::from_utf8_lossy(&rest).contains("200 OK") {
        assert!(one.read(&mut rest).await.unwrap() > 0, "it was not answered");
    }
    assert_eq!(beat().await.unwrap().status(), StatusCode::OK);
}
