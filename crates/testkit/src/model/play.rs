//! From a scenario and a conversation to what the model does next. Nothing is done here.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use minijinja::Environment;
use serde_json::{Value, json};

use super::{
    conversation::{Conversation, RUN, Style},
    scenario::{Move, Scenario},
};

/// One part of an answer, rendered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Wait(u64),
    Message { text: String, every_ms: Option<u64> },
    Call(Value),
    HangUp,
}

/// The next answer.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// This HTTP error, unless it was given that often already at this place.
    Error {
        status: u16,
        times: u32,
        retry_after: Option<u64>,
    },
    Answer(Vec<Part>),
}

/// What comes next. `skip_errors`: the errors of this place have been given.
pub(super) fn next(
    templates: &Environment<'_>,
    scenario: &Scenario,
    conversation: &Conversation,
    skip_errors: bool,
) -> Result<Next> {
    if let Some(session) = conversation.running {
        return Ok(Next::Answer(vec![Part::Call(poll(session))]));
    }
    let beat = scenario.beats.get(conversation.runs).or(scenario.beats.last()).context("an empty scenario")?;
    // A session that goes on is not told again what it knows.
    let prompts = || std::iter::once(&conversation.prompt).chain(conversation.earlier.iter().rev());
    let mut context: BTreeMap<&str, minijinja::Value> = scenario
        .capture
        .iter()
        .map(|(name, pattern)| {
            let found = prompts().find_map(|prompt| pattern.captures(prompt)?.get(1));
            (name.as_str(), found.map_or("", |text| text.as_str()).into())
        })
        .collect();
    context.insert("output", conversation.output.as_str().into());
    let mut parts = Vec::new();
    for one in beat {
        context.insert("i", one.i.into());
        let render = |text: &str| templates.render_str(text, &context).context("a template failed");
        parts.push(match &one.act {
            Move::Error { status, times, retry_after } if !skip_errors => {
                return Ok(Next::Error { status: *status, times: *times, retry_after: *retry_after });
            }
            Move::Error { .. } => continue,
            Move::WaitMs(time) => Part::Wait(*time),
            Move::Say(text) => Part::Message { text: render(text)?, every_ms: None },
            Move::Stream { text, every_ms } => Part::Message { text: render(text)?, every_ms: Some(*every_ms) },
            Move::Run(command) => Part::Call(run(conversation, &render(command)?)),
            Move::Tool { name, arguments } => Part::Call(tool(conversation, name, &rendered(arguments, &render)?)),
            Move::HangUp => Part::HangUp,
            Move::Final(value) => Part::Message { text: last_word(value, &render)?, every_ms: None },
        });
    }
    Ok(Next::Answer(parts))
}

/// The last message: a text as it is, anything else as JSON with its texts rendered.
fn last_word(value: &Value, render: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    match value {
        Value::String(text) => render(text),
        other => Ok(rendered(other, render)?.to_string()),
    }
}

fn rendered(value: &Value, render: &dyn Fn(&str) -> Result<String>) -> Result<Value> {
    Ok(match value {
        Value::String(text) => json!(render(text)?),
        Value::Array(items) => items.iter().map(|item| rendered(item, render)).collect::<Result<Vec<_>>>()?.into(),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, value)| Ok((name.clone(), rendered(value, render)?))).collect::<Result<_>>()?,
        ),
        other => other.clone(),
    })
}

fn run(conversation: &Conversation, command: &str) -> Value {
    let call_id = format!("{RUN}{}", conversation.runs);
    match conversation.style {
        Style::Functions => {
            let arguments = json!({"cmd": command, "yield_time_ms": 30_000});
            json!({"type": "function_call", "call_id": call_id, "name": "exec_command", "arguments": arguments.to_string()})
        }
        Style::Code => {
            let command = json!(command);
            let script = format!(
                "// @exec: {{\"yield_time_ms\": 3600000}}\n\
                 let result = await tools.exec_command({{cmd: {command}, yield_time_ms: 30000}});\n\
                 let output = result.output;\n\
                 while (result.session_id !== undefined && result.session_id !== null) {{\n\
                 \x20 result = await tools.write_stdin({{session_id: result.session_id, chars: \"\"}});\n\
                 \x20 output += result.output;\n\
                 }}\n\
                 text(output);"
            );
            json!({"type": "custom_tool_call", "call_id": call_id, "name": "exec", "input": script})
        }
    }
}

/// Codex offers the tools of a server as a namespace, or in code mode as functions of that prefix.
fn tool(conversation: &Conversation, name: &str, arguments: &Value) -> Value {
    let call_id = format!("{RUN}{}", conversation.runs);
    let arguments = if arguments.is_null() { json!({}) } else { arguments.clone() };
    match conversation.style {
        Style::Functions => json!({
            "type": "function_call", "call_id": call_id, "namespace": TOOLS, "name": name,
            "arguments": arguments.to_string(),
        }),
        Style::Code => {
            let script = format!("text(JSON.stringify(await tools.{TOOLS}__{name}({arguments})));");
            json!({"type": "custom_tool_call", "call_id": call_id, "name": "exec", "input": script})
        }
    }
}

/// What codex calls the platform's tools.
const TOOLS: &str = "mcp__platform";

/// Waits for a command that takes its time.
fn poll(session: u64) -> Value {
    let arguments = json!({"session_id": session, "chars": ""});
    let call_id = format!("poll_{}", uuid::Uuid::new_v4().simple());
    json!({"type": "function_call", "call_id": call_id, "name": "write_stdin", "arguments": arguments.to_string()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::{Scenario, templates};

    const SCENARIO: &str = "
about: x
capture: {who: 'for (\\w+)'}
steps:
  - error: {status: 503, times: 2}
  - say: Hello {{ who }}
  - run: echo {{ \"it's\" | sh }}
  - wait_ms: 5
  - hang_up
";

    fn at(runs: usize, style: Style, running: Option<u64>, skip_errors: bool) -> Next {
        let scenario = Scenario::parse("x", SCENARIO).unwrap();
        let conversation = Conversation {
            style,
            prompt: "work for Ada".into(),
            earlier: vec![],
            runs,
            output: String::new(),
            running,
            key: String::new(),
        };
        next(&templates(), &scenario, &conversation, skip_errors).unwrap()
    }

    #[test]
    fn what_an_earlier_prompt_said_is_still_known() {
        let scenario = Scenario::parse("x", SCENARIO).unwrap();
        let said = |prompt: &str, earlier: &[&str]| {
            let conversation = Conversation {
                style: Style::Functions,
                prompt: prompt.into(),
                earlier: earlier.iter().map(|&text| text.into()).collect(),
                runs: 0,
                output: String::new(),
                running: None,
                key: String::new(),
            };
            match next(&templates(), &scenario, &conversation, true).unwrap() {
                Next::Answer(parts) => parts[0].clone(),
                error @ Next::Error { .. } => panic!("{error:?}"),
            }
        };
        let hello = |name: &str| Part::Message { text: format!("Hello {name}"), every_ms: None };
        assert_eq!(said("go on", &["work for Eve", "work for Ada"]), hello("Ada"));
        assert_eq!(said("work for Bob", &["work for Ada"]), hello("Bob"));
    }

    fn calls(next: &Next) -> Vec<&Value> {
        let Next::Answer(parts) = next else { panic!("{next:?}") };
        parts.iter().filter_map(|part| if let Part::Call(call) = part { Some(call) } else { None }).collect()
    }

    #[test]
    fn errors_come_first_and_only_until_they_are_spent() {
        assert_eq!(at(0, Style::Functions, None, false), Next::Error { status: 503, times: 2, retry_after: None });
        let Next::Answer(parts) = at(0, Style::Functions, None, true) else {
            panic!("an error was expected to be spent")
        };
        assert_eq!(parts[0], Part::Message { text: "Hello Ada".into(), every_ms: None });
    }

    #[test]
    fn commands_are_called_in_the_clients_style() {
        let answer = at(0, Style::Functions, None, true);
        let arguments: Value = serde_json::from_str(calls(&answer)[0]["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&calls(&answer)[0]["name"], &arguments["cmd"]),
            (&json!("exec_command"), &json!(r"echo 'it'\''s'"))
        );
        let answer = at(0, Style::Code, None, true);
        assert_eq!(
            (&calls(&answer)[0]["type"], &calls(&answer)[0]["name"]),
            (&json!("custom_tool_call"), &json!("exec"))
        );
    }

    #[test]
    fn a_running_command_is_waited_for_and_the_rest_follows_it() {
        let answer = at(1, Style::Functions, Some(7), false);
        assert_eq!(calls(&answer)[0]["name"], "write_stdin");
        assert_eq!(at(1, Style::Functions, None, false), Next::Answer(vec![Part::Wait(5), Part::HangUp]));
    }
}
