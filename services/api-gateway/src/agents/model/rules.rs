//! What a model call may say. Everything that is not known to be harmless is refused, with the name of what it was.
//!
//! Three things must not get through: work that the provider would do outside the pod (hosted tools, remote MCP,
//! fetching of addresses), state that it would keep for us (stored responses, conversations, files), and models that
//! the project did not choose. The forms are those that codex sends, ordinary tools and code mode alike.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value};

/// Fields of a request that are passed on.
const FIELDS: [&str; 22] = [
    "client_metadata",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
];
/// Tools that the pod itself runs.
const TOOLS: [&str; 3] = ["custom", "function", "namespace"];
/// A search among the pod's own tools, which offers those of MCP servers only when they are wanted. The pod runs it when
/// its `execution` says so.
const SEARCH: &str = "tool_search";
/// What such a search leaves in a conversation.
const SEARCHES: [&str; 2] = ["tool_search_call", "tool_search_output"];
/// Items of a conversation that carry their content with them.
const ITEMS: [&str; 7] = [
    "additional_tools",
    "custom_tool_call",
    "custom_tool_call_output",
    "function_call",
    "function_call_output",
    "message",
    "reasoning",
];
/// Fields of an item. An id is only a label as long as nothing is stored.
const ITEM_FIELDS: [&str; 18] = [
    "arguments",
    "call_id",
    "content",
    "encrypted_content",
    "end_turn",
    "execution",
    "id",
    "input",
    "metadata",
    "name",
    "namespace",
    "output",
    "phase",
    "role",
    "status",
    "summary",
    "tools",
    "type",
];
/// Parts of an item's content.
const PARTS: [&str; 6] = ["input_image", "input_text", "output_text", "reasoning_text", "refusal", "summary_text"];
const PART_FIELDS: [&str; 5] = ["detail", "image_url", "refusal", "text", "type"];
/// Fields of a part that are passed on only when they are empty: filled, they would point at files or pages.
const EMPTY_PART_FIELDS: [&str; 2] = ["annotations", "logprobs"];
const NAMESPACES: usize = 4;

/// Why a call is refused. The reason names places and forms, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Stable code.
    pub(super) code: &'static str,
    /// What is wrong and where, for the agent and for the run's page.
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// A call that may go on.
#[derive(Debug)]
pub(super) struct Admitted {
    /// The model that was asked for, one of the run's.
    pub(super) model: String,
    /// The request as it is sent on.
    pub(super) body: Bytes,
}

/// Judges a request whose number of values is bounded already, and returns it in the form in which it goes on.
pub(super) fn admit(bytes: &[u8], models: &[String]) -> Result<Admitted, Refusal> {
    let mut call: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|_| Refusal::new("malformed_json", "the body is not a JSON object, or nested too deep"))?;
    call.retain(|_, value| !value.is_null());
    known(&call, &FIELDS, "field_refused", "")?;
    let model = call.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !models.contains(&model) {
        let list = models.join(", ");
        return Err(Refusal::new("model_refused", format!("this model is not one of the project's: {list}")));
    }
    if call.get("stream") != Some(&Value::Bool(true)) {
        return Err(Refusal::new("stream_required", "`stream` must be true"));
    }
    if call.get("store").is_some_and(|store| store != &Value::Bool(false)) {
        return Err(Refusal::new("store_refused", "`store` must be false: nothing is kept at the provider"));
    }
    call.insert("store".to_owned(), Value::Bool(false));
    one_of(&call, "service_tier", &["auto", "default"])?;
    include(call.get("include"))?;
    tools(call.get("tools"), "tools", 0)?;
    tool_choice(call.get("tool_choice"))?;
    input(call.get("input"))?;
    let body = serde_json::to_vec(&call).map_err(|_| Refusal::new("malformed_json", "the body cannot be written"))?;
    Ok(Admitted { model, body: body.into() })
}

fn known(object: &Map<String, Value>, fields: &[&str], code: &'static str, place: &str) -> Result<(), Refusal> {
    let unknown: BTreeSet<_> =
        object.keys().filter(|key| !fields.contains(&key.as_str())).map(|key| label(key)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let names = unknown.into_iter().take(5).map(|key| format!("`{place}{key}`")).collect::<Vec<_>>().join(", ");
    Err(Refusal::new(code, format!("{names} may not be sent")))
}

/// A name that the pod chose, short and printable.
fn label(name: &str) -> String {
    name.chars().take(60).flat_map(char::escape_debug).collect()
}

fn one_of(call: &Map<String, Value>, field: &str, allowed: &[&str]) -> Result<(), Refusal> {
    match call.get(field) {
        None => Ok(()),
        Some(Value::String(value)) if allowed.contains(&value.as_str()) => Ok(()),
        Some(_) => Err(Refusal::new("field_refused", format!("`{field}` may only be {}", allowed.join(" or ")))),
    }
}

fn include(include: Option<&Value>) -> Result<(), Refusal> {
    let harmless = |value: &Value| value == "reasoning.encrypted_content";
    match include {
        None => Ok(()),
        Some(Value::Array(values)) if values.iter().all(harmless) => Ok(()),
        Some(_) => Err(Refusal::new("include_refused", "`include` may only hold `reasoning.encrypted_content`")),
    }
}

fn tools(tools: Option<&Value>, place: &str, depth: usize) -> Result<(), Refusal> {
    let Some(tools) = tools else { return Ok(()) };
    let list = tools.as_array().ok_or_else(|| Refusal::new("tool_refused", format!("`{place}` must be a list")))?;
    for (index, tool) in list.iter().enumerate() {
        let place = format!("{place}[{index}]");
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or_default();
        let is_search = kind == SEARCH && is_the_pods(tool.get("execution"));
        if !TOOLS.contains(&kind) && !is_search {
            let reason =
                format!("`{place}` is a tool of type `{}`; only tools that run in the pod may be offered", label(kind));
            return Err(Refusal::new("tool_refused", reason));
        }
        if kind != "namespace" && tool.get("tools").is_some() {
            return Err(Refusal::new("tool_refused", format!("`{place}` holds tools but is no namespace")));
        }
        if depth == NAMESPACES {
            return Err(Refusal::new("tool_refused", format!("`{place}` is nested too deep")));
        }
        self::tools(tool.get("tools"), &format!("{place}.tools"), depth + 1)?;
    }
    Ok(())
}

/// Run by the client, which is in the pod.
fn is_the_pods(execution: Option<&Value>) -> bool {
    execution.and_then(Value::as_str) == Some("client")
}

fn tool_choice(choice: Option<&Value>) -> Result<(), Refusal> {
    match choice {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Object(choice)) => match choice.get("type").and_then(Value::as_str) {
            Some("function" | "custom") => Ok(()),
            Some("allowed_tools") => tools(choice.get("tools"), "tool_choice.tools", NAMESPACES - 1),
            _ => Err(Refusal::new("tool_refused", "`tool_choice` names a tool that does not run in the pod")),
        },
        Some(_) => Err(Refusal::new("field_refused", "`tool_choice` has no form that is known")),
    }
}

fn input(input: Option<&Value>) -> Result<(), Refusal> {
    match input {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(items)) => items.iter().enumerate().try_for_each(|(index, item)| {
            let place = format!("input[{index}]");
            let item =
                item.as_object().ok_or_else(|| Refusal::new("item_refused", format!("`{place}` is no object")))?;
            self::item(item, &place)
        }),
        Some(_) => Err(Refusal::new("item_refused", "`input` must be a text or a list")),
    }
}

fn item(item: &Map<String, Value>, place: &str) -> Result<(), Refusal> {
    let kind = item.get("type").map_or("message", |kind| kind.as_str().unwrap_or_default());
    let is_search = SEARCHES.contains(&kind) && is_the_pods(item.get("execution"));
    if !ITEMS.contains(&kind) && !is_search {
        let reason = format!("`{place}` is of type `{}`, which refers to something outside the call", label(kind));
        return Err(Refusal::new("item_refused", reason));
    }
    known(item, &ITEM_FIELDS, "item_refused", &format!("{place}."))?;
    for field in ["content", "output", "summary"] {
        parts(item.get(field), &format!("{place}.{field}"))?;
    }
    for field in ["arguments", "input", "encrypted_content"] {
        // What is searched for is an object.
        let is_query = is_search && field == "arguments";
        if item.get(field).is_some_and(|value| !value.is_string() && !value.is_null() && !is_query) {
            return Err(Refusal::new("item_refused", format!("`{place}.{field}` must be a text")));
        }
    }
    tools(item.get("tools"), &format!("{place}.tools"), 0)
}

fn parts(content: Option<&Value>, place: &str) -> Result<(), Refusal> {
    match content {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => {
            parts.iter().enumerate().try_for_each(|(index, part)| self::part(part, &format!("{place}[{index}]")))
        }
        Some(_) => Err(Refusal::new("content_refused", format!("`{place}` must be a text or a list"))),
    }
}

fn part(part: &Value, place: &str) -> Result<(), Refusal> {
    let refuse = |what: String| Err(Refusal::new("content_refused", what));
    let Some(part) = part.as_object() else { return refuse(format!("`{place}` is no object")) };
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    if !PARTS.contains(&kind) {
        return refuse(format!("`{place}` is of type `{}`; only texts and images are taken", label(kind)));
    }
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let mut part = part.clone();
    part.retain(|key, value| !(EMPTY_PART_FIELDS.contains(&key.as_str()) && empty(value)));
    known(&part, &PART_FIELDS, "content_refused", &format!("{place}."))?;
    match part.get("image_url") {
        None => Ok(()),
        // An image that comes along in the call itself; any other address would be fetched by the provider.
        Some(Value::String(url)) if url.get(..11).is_some_and(|head| head.eq_ignore_ascii_case("data:image/")) => {
            Ok(())
        }
        Some(_) => refuse(format!("`{place}.image_url` must be a data: image")),
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
