use serde_json::json;

use super::*;

fn approval() -> Value {
    json!({
        "correlation_id": "c-1", "tool": "k8s_delete", "arguments": { "name": "web" },
        "justification": "The old one is not used.", "approval_request": "Delete the old web.",
        "risk_assessment": "It does not come back.", "links_to_code": [{ "text": "PR 12", "url": "https://git.test/12" }],
        "lang": "en", "markup": "markdown", "timeout_sec": 600, "callback": { "url": "http://mcp.tools.svc/approvals/webhook" },
    })
}

fn execution() -> Value {
    json!({
        "correlation_id": "e-1",
        "tool": { "name": "ask", "title": "Ask", "description": "", "input_schema": {}, "output_schema": {}, "metadata": {}, "tags": [] },
        "arguments": { "question": "Which database is it?", "context": "Two are there.", "options": ["One", "Two"], "allow_custom": true },
        "spec": { "options_min": 2, "options_max": 5, "allow_custom_option": true },
        "lang": "ru", "markup": "html", "timeout_sec": 60, "callback": { "url": "http://mcp.tools.svc/executors/webhook" },
    })
}

/// The body with another value at a pointer; `null` takes the field away.
fn with(mut body: Value, at: &str, value: Value) -> Value {
    let (parent, name) = at.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value);
    }
    body
}

#[test]
fn what_is_asked_is_read() {
    let ask = read(OutsideKind::Approval, &approval()).unwrap();
    assert_eq!((ask.correlation_id.as_str(), ask.patience.as_secs()), ("c-1", 600));
    assert_eq!(ask.callback, "http://mcp.tools.svc/approvals/webhook");
    let Asked::Approval(asked) = &ask.asked else { panic!("{ask:?}") };
    assert_eq!((asked.tool.as_str(), &asked.arguments["name"]), ("k8s_delete", &json!("web")));
    assert_eq!((asked.links.len(), asked.risk.as_deref()), (1, Some("It does not come back.")));

    let ask = read(OutsideKind::Execution, &execution()).unwrap();
    let Asked::Execution(asked) = &ask.asked else { panic!("{ask:?}") };
    assert_eq!((asked.title.as_deref(), asked.description.as_deref()), (Some("Ask"), None));
    assert_eq!((asked.question.options.len(), asked.question.allow_custom), (2, true));
    for body in [approval(), execution()] {
        let kind = if body["tool"].is_string() { OutsideKind::Approval } else { OutsideKind::Execution };
        let asked = read(kind, &body).unwrap().asked;
        assert_eq!(serde_json::from_value::<Asked>(json!(asked)).unwrap(), asked);
    }
}

#[test]
fn what_a_client_leaves_out_where_it_is_empty_may_be_missing() {
    let least =
        json!({ "correlation_id": "c", "tool": "t", "arguments": null, "callback": { "url": "https://a.test" } });
    let ask = read(OutsideKind::Approval, &least).unwrap();
    assert_eq!(ask.patience.as_secs(), 3600);
    let least = json!({
        "correlation_id": "e", "tool": { "name": "t" }, "arguments": { "question": "Which one is it?", "options": ["a", "b"] },
        "callback": { "url": "https://a.test" },
    });
    let Asked::Execution(asked) = read(OutsideKind::Execution, &least).unwrap().asked else { panic!("a question") };
    assert!(asked.question.allow_custom);
}

#[test]
fn ones_own_words_are_taken_unless_the_arguments_or_else_the_spec_say_no() {
    let table = [
        (json!(true), json!(true), true),
        (json!(true), json!(false), true),
        (json!(false), json!(true), false),
        (json!(true), Value::Null, true),
        (Value::Null, json!(true), true),
        (Value::Null, json!(false), false),
        (Value::Null, Value::Null, true),
    ];
    for (wanted, allowed, expected) in table {
        let body = with(execution(), "/arguments/allow_custom", wanted.clone());
        let body = with(body, "/spec/allow_custom_option", allowed.clone());
        let Asked::Execution(asked) = read(OutsideKind::Execution, &body).unwrap().asked else { panic!("a question") };
        assert_eq!(asked.question.allow_custom, expected, "{wanted} {allowed}");
    }
}

#[test]
fn each_field_of_an_approval_is_bounded() {
    let link = json!({ "text": "PR", "url": "https://git.test" });
    let table = [
        ("/correlation_id", Value::Null, "correlation_id"),
        ("/correlation_id", json!(7), "correlation_id"),
        ("/correlation_id", json!(""), "correlation_id"),
        ("/correlation_id", json!(" c"), "correlation_id"),
        ("/correlation_id", json!("c\n1"), "correlation_id"),
        ("/correlation_id", json!("я".repeat(27)), "correlation_id"),
        ("/tool", Value::Null, "tool"),
        ("/tool", json!({ "name": "t" }), "tool"),
        ("/tool", json!("t".repeat(201)), "tool"),
        ("/arguments", json!([]), "arguments"),
        ("/arguments", json!({ "a": ["x\0"] }), "the body"),
        ("/justification", json!("too short"), "justification"),
        ("/justification", json!(""), "justification"),
        ("/approval_request", json!("x".repeat(501)), "approval_request"),
        ("/risk_assessment", json!(7), "risk_assessment"),
        ("/links_to_code", json!("https://git.test"), "links_to_code"),
        ("/links_to_code", json!(vec![link; 6]), "links_to_code"),
        ("/links_to_code", json!([{ "text": "", "url": "https://git.test" }]), "links_to_code.text"),
        ("/links_to_code", json!([{ "text": "PR" }]), "links_to_code.url"),
        ("/links_to_code", json!([{ "text": "PR", "url": "" }]), "links_to_code.url"),
        ("/lang", json!(7), "lang"),
        ("/markup", json!({}), "markup"),
        ("/timeout_sec", json!(0), "timeout_sec"),
        ("/timeout_sec", json!(-1), "timeout_sec"),
        ("/timeout_sec", json!("60"), "timeout_sec"),
        ("/timeout_sec", json!(1.5), "timeout_sec"),
        ("/timeout_sec", json!(259_201), "timeout_sec"),
        ("/callback", Value::Null, "callback.url"),
        ("/callback", json!("https://a.test"), "callback.url"),
        ("/callback", json!({ "url": format!("https://{}", "a".repeat(2000)) }), "callback.url"),
    ];
    for (at, value, field) in table {
        let refused = read(OutsideKind::Approval, &with(approval(), at, value.clone())).unwrap_err();
        assert_eq!(refused.field, field, "{at} {value}: {refused}");
    }
    assert_eq!(read(OutsideKind::Approval, &json!([])).unwrap_err().field, "the body");
    assert!(read(OutsideKind::Approval, &with(approval(), "/correlation_id", json!("c|".repeat(26)))).is_ok());
}

#[test]
fn each_field_of_a_question_is_bounded() {
    let table = [
        ("/correlation_id", json!("e|1"), "correlation_id"),
        ("/correlation_id", json!("e".repeat(51)), "correlation_id"),
        ("/tool", json!("ask"), "tool"),
        ("/tool/name", Value::Null, "tool.name"),
        ("/tool/title", json!(7), "tool.title"),
        ("/tool/description", json!(7), "tool.description"),
        ("/tool/input_schema", json!([]), "tool.input_schema"),
        ("/tool/output_schema", json!("{}"), "tool.output_schema"),
        ("/tool/metadata", json!(1), "tool.metadata"),
        ("/tool/tags", json!("a"), "tool.tags"),
        ("/arguments", Value::Null, "arguments.options"),
        ("/arguments/question", json!("Which?"), "arguments.question"),
        ("/arguments/question", json!("x".repeat(1001)), "arguments.question"),
        ("/arguments/context", json!("x".repeat(2001)), "arguments.context"),
        ("/arguments/options", json!(["One"]), "arguments.options"),
        ("/arguments/options", json!(["1", "2", "3", "4", "5", "6"]), "arguments.options"),
        ("/arguments/options", json!(["One", " "]), "arguments.options"),
        ("/arguments/options", json!(["One", "x".repeat(301)]), "arguments.options"),
        ("/arguments/allow_custom", json!("yes"), "arguments.allow_custom"),
        ("/spec", json!([]), "spec"),
        ("/spec/options_min", json!("2"), "spec.options_min"),
        ("/spec/options_min", json!(3), "arguments.options"),
        ("/spec/options_max", json!(-1), "spec.options_max"),
        ("/spec/allow_custom_option", json!(1), "spec.allow_custom_option"),
        ("/timeout_sec", json!(0), "timeout_sec"),
        ("/callback/url", json!(7), "callback.url"),
    ];
    for (at, value, field) in table {
        let refused = read(OutsideKind::Execution, &with(execution(), at, value.clone())).unwrap_err();
        assert_eq!(refused.field, field, "{at} {value}: {refused}");
    }
}

#[test]
fn the_same_body_is_the_same_however_it_is_written() {
    let spaced: Value = serde_json::from_str(r#"{ "b" : 1,  "a": "x" }"#).unwrap();
    assert_eq!(digest(&json!({ "a": "x", "b": 1 })), digest(&spaced));
    assert_ne!(digest(&json!({ "a": "x", "b": 2 })), digest(&spaced));
}
