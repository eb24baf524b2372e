//! What a request says about the conversation so far.

use serde_json::Value;

/// How the client wants tools to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Function tools: `exec_command`, `write_stdin`.
    Functions,
    /// One custom tool `exec` that takes JavaScript.
    Code,
}

/// The conversation as far as scenarios care.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) style: Style,
    /// The newest prompt.
    pub(super) prompt: String,
    /// Prompts before it, oldest first.
    pub(super) earlier: Vec<String>,
    /// Scenario commands run since the newest prompt.
    pub(super) runs: usize,
    /// Output of the last command.
    pub(super) output: String,
    /// The session of a command that has not ended yet.
    pub(super) running: Option<u64>,
    /// What names the conversation across requests.
    pub(super) key: String,
}

/// Call ids of scenario commands begin so; those that only wait for one do not.
pub(super) const RUN: &str = "run_";

impl Conversation {
    /// Reads a request of the Responses API.
    pub(super) fn read(body: &Value) -> Self {
        let items: &[Value] = body["input"].as_array().map_or(&[], Vec::as_slice);
        let prompts: Vec<(usize, String)> =
            items.iter().enumerate().filter_map(|(place, item)| Some((place, prompt_of(item)?))).collect();
        let start = prompts.last().map_or(0, |(place, _)| *place);
        let mut texts: Vec<String> = prompts.into_iter().map(|(_, text)| text).collect();
        let prompt = texts.pop().or_else(|| body["input"].as_str().map(str::to_owned)).unwrap_or_default();
        let since = &items[start..];
        let call_id = |item: &Value| item["call_id"].as_str().unwrap_or_default().to_owned();
        let runs = since.iter().filter(|item| is_call(item) && call_id(item).starts_with(RUN)).count();
        let last = since.iter().rev().find(|item| is_output(item)).map(text_of).unwrap_or_default();
        Self {
            style: if offers_code(body) { Style::Code } else { Style::Functions },
            prompt,
            earlier: texts,
            runs,
            running: running_session(&last),
            output: plain_output(&last),
            key: body["prompt_cache_key"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

fn is_call(item: &Value) -> bool {
    matches!(item["type"].as_str(), Some("function_call" | "custom_tool_call"))
}

fn is_output(item: &Value) -> bool {
    matches!(item["type"].as_str(), Some("function_call_output" | "custom_tool_call_output"))
}

/// A message of the user that codex did not write itself.
fn prompt_of(item: &Value) -> Option<String> {
    if item["type"] != "message" || item["role"] != "user" {
        return None;
    }
    let text = joined(&item["content"]);
    let own = ["<environment_context>", "<turn_aborted>", "<user_instructions>", "# AGENTS.md instructions"];
    (!own.iter().any(|start| text.trim_start().starts_with(start))).then_some(text)
}

fn text_of(item: &Value) -> String {
    joined(&item["output"])
}

fn joined(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// What the command printed, without what codex puts before it.
fn plain_output(text: &str) -> String {
    text.split_once("\nOutput:\n").map_or(text, |(_, output)| output).to_owned()
}

fn running_session(text: &str) -> Option<u64> {
    let head = text.split_once("\nOutput:\n").map_or(text, |(head, _)| head);
    let rest = head.split_once("Process running with session ID ")?.1;
    rest.split_whitespace().next()?.parse().ok()
}

/// Whether the custom tool `exec` is offered, among the tools or in an `additional_tools` item, namespaces included.
fn offers_code(body: &Value) -> bool {
    fn has(tools: &Value) -> bool {
        tools.as_array().is_some_and(|tools| {
            tools.iter().any(|tool| (tool["type"] == "custom" && tool["name"] == "exec") || has(&tool["tools"]))
        })
    }
    has(&body["tools"])
        || body["input"]
            .as_array()
            .is_some_and(|items| items.iter().any(|item| item["type"] == "additional_tools" && has(&item["tools"])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(text: &str) -> Value {
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    }

    #[test]
    fn runs_are_counted_from_the_newest_prompt() {
        let body = json!({"prompt_cache_key": "k", "tools": [{"type": "function", "name": "exec_command"}], "input": [
            user("<environment_context>…"), user("first"),
            {"type": "function_call", "call_id": "run_0"},
            {"type": "function_call_output", "call_id": "run_0", "output": "x"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
            user("second"),
            {"type": "function_call", "call_id": "run_0"},
            {"type": "function_call_output", "call_id": "run_0", "output": "Chunk ID: 1\nProcess exited with code 0\nOutput:\nmain\n"},
            {"type": "function_call", "call_id": "poll_1"},
        ]});
        let read = Conversation::read(&body);
        assert_eq!((read.prompt.as_str(), read.earlier.len(), read.runs), ("second", 1, 1));
        assert_eq!((read.output.as_str(), read.running, read.style), ("main\n", None, Style::Functions));
    }

    #[test]
    fn a_command_that_still_runs_is_seen() {
        let output = "Chunk ID: 1\nWall time: 10 seconds\nProcess running with session ID 4711\nOutput:\nhalf";
        let body =
            json!({"input": [user("p"), {"type": "function_call_output", "call_id": "run_0", "output": output}]});
        let read = Conversation::read(&body);
        assert_eq!((read.running, read.output.as_str()), (Some(4711), "half"));
    }

    #[test]
    fn code_mode_is_found_in_additional_tools() {
        let tools = json!([{"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}]);
        let output = json!([{"type": "input_text", "text": "Script completed\nOutput:\n"}, {"type": "input_text", "text": "main"}]);
        let body = json!({"input": [
            {"type": "additional_tools", "tools": tools}, user("p"),
            {"type": "custom_tool_call", "call_id": "run_0"},
            {"type": "custom_tool_call_output", "call_id": "run_0", "output": output},
        ]});
        let read = Conversation::read(&body);
        assert_eq!((read.style, read.runs, read.output.as_str()), (Style::Code, 1, "main"));
    }
}
