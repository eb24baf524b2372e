//! Calls in the forms that codex sends, and what must not be slipped into them.

use serde_json::{Value, json};

use super::*;

/// The shape of codex's request for a model with ordinary tools.
fn ordinary() -> Value {
    json!({
        "model": "gpt-5.5", "stream": true, "store": false, "tool_choice": "auto", "parallel_tool_calls": true,
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "0192", "text": { "verbosity": "low" },
        "reasoning": { "effort": "medium" }, "client_metadata": { "thread_id": "0192" },
        "tools": [
            { "type": "function", "name": "exec_command", "parameters": {
                "type": "object", "properties": { "image_url": { "type": "string" }, "file_id": { "type": "string" } } } },
            { "type": "custom", "name": "apply_patch", "format": { "type": "grammar", "syntax": "lark", "definition": "x" } },
        ],
        "input": [
            { "type": "message", "id": "msg_1", "role": "developer", "content": [{ "type": "input_text", "text": "see https://example.com" }] },
            { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "hm" }], "content": null, "encrypted_content": "gAAA" },
            { "type": "function_call", "id": "fc_1", "name": "exec_command", "arguments": "{\"cmd\":\"curl https://x\"}", "call_id": "c1" },
            { "type": "function_call_output", "id": "fco_1", "call_id": "c1", "output": "ok" },
            { "type": "message", "role": "user", "content": [{ "type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high" }] },
        ],
    })
}

/// The shape of its request in code mode: the tools are an item of the conversation.
fn code_mode() -> Value {
    json!({
        "model": "gpt-6-sol", "stream": true, "tool_choice": "auto", "parallel_tool_calls": false,
        "reasoning": { "effort": "medium", "context": "all_turns" }, "store": false,
        "input": [
            { "type": "additional_tools", "id": "at_1", "role": "developer", "tools": [
                { "type": "namespace", "name": "functions", "tools": [
                    { "type": "custom", "name": "exec" }, { "type": "function", "name": "wait" } ] } ] },
            { "type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "exec", "input": "text(1)" },
            { "type": "custom_tool_call_output", "id": "o_1", "call_id": "c1", "output": [{ "type": "input_text", "text": "1" }] },
        ],
    })
}

/// The shape of its request where the tools of an MCP server are searched first.
fn searching() -> Value {
    let found = json!({ "type": "namespace", "name": "mcp__platform", "tools": [
        { "type": "function", "name": "run_context_get", "defer_loading": true, "parameters": { "type": "object" } } ] });
    json!({
        "model": "gpt-5.5", "stream": true, "store": false,
        "tools": [{ "type": "tool_search", "execution": "client", "description": "x", "parameters": { "type": "object" } }],
        "input": [
            { "type": "tool_search_call", "id": "tsc_1", "call_id": "c1", "status": "completed", "execution": "client",
              "arguments": { "query": "where am I" } },
            { "type": "tool_search_output", "call_id": "c1", "status": "completed", "execution": "client", "tools": [found] },
            { "type": "function_call", "call_id": "c2", "namespace": "mcp__platform", "name": "run_context_get", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c2", "output": "{}" },
        ],
    })
}

#[test]
fn a_search_that_the_provider_would_run_is_refused() {
    let changed = |pointer: &str, value: Value| {
        let mut call = searching();
        *call.pointer_mut(pointer).unwrap() = value;
        code(&call)
    };
    assert_eq!(changed("/tools/0/execution", json!("server")), "tool_refused");
    assert_eq!(changed("/input/0/execution", json!("server")), "item_refused");
    assert_eq!(changed("/input/1/execution", Value::Null), "item_refused");
    assert_eq!(changed("/input/1/tools/0/tools/0/type", json!("mcp")), "tool_refused");
    assert_eq!(changed("/input/2/arguments", json!({})), "item_refused");
}

fn judge(call: &Value) -> Result<Admitted, Refusal> {
    admit(&serde_json::to_vec(call).unwrap(), &["gpt-5.5".to_owned(), "gpt-6-sol".to_owned()])
}

fn code(call: &Value) -> &'static str {
    judge(call).err().map_or("admitted", |refusal| refusal.code)
}

#[test]
fn what_codex_sends_passes_unchanged() {
    for call in [ordinary(), code_mode(), searching()] {
        let admitted = judge(&call).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&admitted.body).unwrap(), call);
        assert_eq!(admitted.model, call["model"]);
    }
}

#[test]
fn nothing_is_stored_even_when_the_call_does_not_say_so() {
    let mut call = ordinary();
    call.as_object_mut().unwrap().remove("store");
    call["previous_response_id"] = Value::Null;
    let sent: Value = serde_json::from_slice(&judge(&call).unwrap().body).unwrap();
    assert_eq!(sent["store"], false);
    assert!(sent.get("previous_response_id").is_none());
}

#[test]
fn fields_that_reach_outside_are_refused() {
    for (field, value, expected) in [
        ("store", json!(true), "store_refused"),
        ("stream", json!(false), "stream_required"),
        ("previous_response_id", json!("resp_1"), "field_refused"),
        ("conversation", json!("conv_1"), "field_refused"),
        ("prompt", json!({ "id": "pmpt_1" }), "field_refused"),
        ("background", json!(true), "field_refused"),
        ("context_management", json!([]), "field_refused"),
        ("service_tier", json!("priority"), "field_refused"),
        ("include", json!(["file_search_call.results"]), "include_refused"),
        ("include", json!("reasoning.encrypted_content"), "include_refused"),
        ("model", json!("gpt-6.1-sol"), "model_refused"),
        ("model", json!(["gpt-5.5"]), "model_refused"),
        ("tool_choice", json!({ "type": "web_search" }), "tool_refused"),
        ("tool_choice", json!({ "type": "allowed_tools", "tools": [{ "type": "mcp" }] }), "tool_refused"),
        ("tools", json!({ "type": "function" }), "tool_refused"),
        ("input", json!(7), "item_refused"),
    ] {
        let mut call = ordinary();
        call[field] = value.clone();
        assert_eq!(code(&call), expected, "{field} {value}");
    }
}

#[test]
fn only_tools_of_the_pod_are_offered_wherever_they_stand() {
    for kind in [
        "web_search",
        "web_search_preview",
        "mcp",
        "file_search",
        "code_interpreter",
        "image_generation",
        "computer_use_preview",
        "local_shell",
        "shell",
        "tool_search",
        "",
        "Function",
    ] {
        let tool = json!({ "type": kind, "name": "x" });
        let mut call = ordinary();
        call["tools"].as_array_mut().unwrap().push(tool.clone());
        assert_eq!(code(&call), "tool_refused", "{kind}");
        call = ordinary();
        call["tools"] =
            json!([{ "type": "namespace", "name": "n", "tools": [{ "type": "namespace", "tools": [tool] }] }]);
        assert_eq!(code(&call), "tool_refused", "{kind} inside namespaces");
        call = code_mode();
        call["input"][0]["tools"][0]["tools"].as_array_mut().unwrap().push(tool.clone());
        assert_eq!(code(&call), "tool_refused", "{kind} in code mode");
        call = code_mode();
        call["input"][1]["tools"] = json!([tool]);
        assert_eq!(code(&call), "tool_refused", "{kind} on another item");
    }
    let mut call = ordinary();
    call["tools"] = json!([{ "type": "function", "tools": [{ "type": "function" }] }]);
    assert_eq!(code(&call), "tool_refused");
    call["tools"] = (0..8).fold(json!([]), |inner, _| json!([{ "type": "namespace", "tools": inner }]));
    assert_eq!(code(&call), "tool_refused");
}

#[test]
fn the_conversation_carries_all_it_means() {
    let image = |url: Value| json!({ "type": "message", "role": "user", "content": [{ "type": "input_image", "image_url": url }] });
    let part = |part: Value| json!({ "type": "message", "role": "user", "content": [part] });
    for (item, expected) in [
        (json!({ "type": "item_reference", "id": "msg_1" }), "item_refused"),
        (json!({ "type": "web_search_call", "id": "ws_1" }), "item_refused"),
        (json!({ "type": "mcp_approval_response", "approve": true }), "item_refused"),
        (json!({ "type": "compaction_trigger" }), "item_refused"),
        (json!({ "type": 7 }), "item_refused"),
        (json!("text"), "item_refused"),
        (json!({ "type": "message", "role": "user", "content": "x", "file_id": "file-1" }), "item_refused"),
        (json!({ "type": "function_call_output", "call_id": "c", "output": { "file_id": "f" } }), "content_refused"),
        (
            json!({ "type": "function_call_output", "call_id": "c", "output": [{ "type": "input_file", "file_id": "f" }] }),
            "content_refused",
        ),
        (json!({ "type": "function_call", "call_id": "c", "name": "x", "arguments": { "a": 1 } }), "item_refused"),
        (image(json!("https://example.com/a.png")), "content_refused"),
        (image(json!("http://169.254.169.254/")), "content_refused"),
        (image(json!({ "url": "https://example.com/a.png" })), "content_refused"),
        (image(json!("data:text/html,x")), "content_refused"),
        (image(json!("file:///etc/passwd")), "content_refused"),
        (image(json!("DATA:image/png;base64,AA")), "admitted"),
        (part(json!({ "type": "input_image", "file_id": "file-1" })), "content_refused"),
        (part(json!({ "type": "input_file", "file_url": "https://example.com" })), "content_refused"),
        (part(json!({ "type": "input_audio", "input_audio": {} })), "content_refused"),
        (part(json!({ "type": "output_text", "text": "x", "annotations": [{ "file_id": "f" }] })), "content_refused"),
        (part(json!({ "type": "output_text", "text": "x", "annotations": [], "logprobs": [] })), "admitted"),
        (json!({ "role": "user", "content": "plain" }), "admitted"),
    ] {
        let mut call = ordinary();
        call["input"].as_array_mut().unwrap().push(item.clone());
        assert_eq!(code(&call), expected, "{item}");
    }
}

#[test]
fn a_refusal_says_where_and_never_what() {
    let mut call = ordinary();
    call["input"][4]["content"][0]["image_url"] = json!("https://secret.example.com/token");
    let reason = judge(&call).unwrap_err().reason;
    assert_eq!(reason, "`input[4].content[0].image_url` must be a data: image");
}

#[test]
fn what_is_not_an_object_is_refused() {
    for body in [b"[]" as &[u8], b"", b"{", "[".repeat(100_000).as_bytes()] {
        assert_eq!(admit(body, &[]).unwrap_err().code, "malformed_json");
    }
}
