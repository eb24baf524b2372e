//! What codex prints with `--json`, as events that people read. One line is one item; a line this version of codex
//! did not have yet becomes a notice, so that nothing is lost and nothing breaks.

use contract::agent::AgentEventKind as Kind;
use serde::Deserialize;
use serde_json::Value;

/// An unknown line is shown as JSON, up to this many characters.
const UNKNOWN_SHOWN: usize = 2000;

/// An event before it is redacted, split and numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is.
    pub kind: Kind,
    /// What it says, of any length.
    pub text: String,
    /// Codex's id of the item, shared by the events about one command.
    pub item: Option<String>,
    /// Of a command that ended.
    pub exit_code: Option<i32>,
}

impl Draft {
    /// An event that belongs to no item.
    #[must_use]
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), item: None, exit_code: None }
    }

    fn of(kind: Kind, item: &str, text: impl Into<String>) -> Self {
        Self { item: Some(item.to_owned()), ..Self::new(kind, text) }
    }
}

/// What a line means beside being shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The session has this id, which is also in its file's name.
    Session(String),
    /// The turn ended well.
    Completed,
    /// The turn failed, for the reason codex gives.
    Failed(String),
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Printed {
    #[serde(rename = "thread.started")]
    ThreadStarted { thread_id: String },
    #[serde(rename = "turn.started")]
    TurnStarted,
    #[serde(rename = "turn.completed")]
    TurnCompleted {
        #[serde(default)]
        usage: Usage,
    },
    #[serde(rename = "turn.failed")]
    TurnFailed { error: Message },
    #[serde(rename = "error")]
    Error { message: String },
    #[serde(rename = "item.started")]
    ItemStarted { item: Item },
    #[serde(rename = "item.updated")]
    ItemUpdated { item: Item },
    #[serde(rename = "item.completed")]
    ItemCompleted { item: Item },
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Usage {
    input_tokens: u64,
    cached_input_tokens: u64,
    output_tokens: u64,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum What {
    AgentMessage {
        text: String,
    },
    Reasoning {
        text: String,
    },
    CommandExecution {
        command: String,
        #[serde(default)]
        aggregated_output: String,
        exit_code: Option<i32>,
        status: String,
    },
    FileChange {
        changes: Vec<Change>,
        status: String,
    },
    McpToolCall {
        server: String,
        tool: String,
        #[serde(default)]
        arguments: Value,
        result: Option<Value>,
        error: Option<Message>,
        status: String,
    },
    WebSearch {
        query: String,
    },
    TodoList {
        items: Vec<Todo>,
    },
    Error {
        message: String,
    },
}

#[derive(Deserialize)]
struct Change {
    path: String,
    kind: String,
}

#[derive(Deserialize)]
struct Todo {
    text: String,
    completed: bool,
}

/// Where in its life an item is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Started,
    Updated,
    Completed,
}

/// Reads one line. `checkout` is the folder that paths are shown relative to.
#[must_use]
pub fn read_line(line: &str, checkout: &str) -> (Vec<Draft>, Option<Turn>) {
    match serde_json::from_str(line) {
        Ok(printed) => read_printed(printed, checkout),
        Err(_) => (unknown(line).into_iter().collect(), None),
    }
}

fn read_printed(printed: Printed, checkout: &str) -> (Vec<Draft>, Option<Turn>) {
    match printed {
        Printed::ThreadStarted { thread_id } => {
            (vec![Draft::new(Kind::Step, format!("codex session {thread_id}"))], Some(Turn::Session(thread_id)))
        }
        Printed::TurnStarted => (Vec::new(), None),
        Printed::TurnCompleted { usage } => {
            let Usage { input_tokens, cached_input_tokens, output_tokens } = usage;
            let text =
                format!("codex is done: {input_tokens} tokens in ({cached_input_tokens} cached), {output_tokens} out");
            (vec![Draft::new(Kind::Step, text)], Some(Turn::Completed))
        }
        Printed::TurnFailed { error } => {
            (vec![Draft::new(Kind::Error, error.message.clone())], Some(Turn::Failed(error.message)))
        }
        // Codex repeats its last one in `turn.failed`; the ones before are attempts that may still succeed.
        Printed::Error { message } => (vec![Draft::new(Kind::Notice, message)], None),
        Printed::ItemStarted { item } => (read_item(item, Stage::Started, checkout), None),
        Printed::ItemUpdated { item } => (read_item(item, Stage::Updated, checkout), None),
        Printed::ItemCompleted { item } => (read_item(item, Stage::Completed, checkout), None),
    }
}

fn read_item(item: Item, stage: Stage, checkout: &str) -> Vec<Draft> {
    let id = item.id.as_str();
    match (item.what, stage) {
        (What::CommandExecution { command, .. }, Stage::Started) => {
            vec![Draft::of(Kind::Command, id, unwrapped(command))]
        }
        (What::CommandExecution { aggregated_output, exit_code, status, .. }, Stage::Completed) => {
            ended(id, aggregated_output, exit_code, status)
        }
        (What::McpToolCall { server, tool, arguments, .. }, Stage::Started) => {
            vec![Draft::of(Kind::Command, id, format!("{server}.{tool} {arguments}"))]
        }
        (What::McpToolCall { result, error, status, .. }, Stage::Completed) => {
            let output = error.map(|error| error.message).or_else(|| result.map(|result| result.to_string()));
            ended(id, output.unwrap_or_default(), None, status)
        }
        (What::TodoList { items }, _) => vec![Draft::of(Kind::Step, id, todo_list(&items))],
        (_, Stage::Started | Stage::Updated) => Vec::new(),
        (What::AgentMessage { text }, Stage::Completed) => vec![Draft::of(Kind::Message, id, text)],
        (What::Reasoning { text }, Stage::Completed) => vec![Draft::of(Kind::Reasoning, id, text)],
        (What::FileChange { changes, status }, Stage::Completed) => {
            vec![Draft::of(Kind::Patch, id, patch(&changes, &status, checkout))]
        }
        (What::WebSearch { query }, Stage::Completed) => {
            vec![Draft::of(Kind::Notice, id, format!("web search: {query}"))]
        }
        (What::Error { message }, Stage::Completed) => vec![Draft::of(Kind::Notice, id, message)],
    }
}

fn ended(id: &str, output: String, exit_code: Option<i32>, status: String) -> Vec<Draft> {
    let output = (!output.is_empty()).then(|| Draft::of(Kind::Output, id, output));
    let end = Draft { exit_code, ..Draft::of(Kind::CommandEnd, id, status) };
    output.into_iter().chain([end]).collect()
}

fn todo_list(items: &[Todo]) -> String {
    let lines = items.iter().map(|item| format!("[{}] {}", if item.completed { 'x' } else { ' ' }, item.text));
    lines.collect::<Vec<_>>().join("\n")
}

fn patch(changes: &[Change], status: &str, checkout: &str) -> String {
    let lines = changes.iter().map(|Change { path, kind }| {
        let relative = path.strip_prefix(checkout).map_or(path.as_str(), |rest| rest.trim_start_matches('/'));
        format!("{kind} {relative}")
    });
    let failed = (status != "completed").then(|| format!("({status})"));
    lines.chain(failed).collect::<Vec<_>>().join("\n")
}

fn unknown(line: &str) -> Option<Draft> {
    let shown: String = line.trim().chars().take(UNKNOWN_SHOWN).collect();
    (!shown.is_empty()).then(|| Draft::new(Kind::Notice, shown))
}

/// The script that the agent wrote, without the shell that codex quotes it for.
fn unwrapped(command: String) -> String {
    match shlex::split(&command).as_deref() {
        Some([shell, flag, script]) if shell.ends_with("sh") && flag == "-c" => script.clone(),
        _ => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(recorded: &str) -> (String, Vec<Turn>) {
        let (mut shown, mut turns) = (String::new(), Vec::new());
        for (drafts, turn) in recorded.lines().map(|line| read_line(line, "/workspace/repo")) {
            for Draft { kind, text, item, exit_code } in drafts {
                let item = item.unwrap_or_default();
                let exit = exit_code.map(|code| format!(" exit {code}")).unwrap_or_default();
                shown.push_str(&format!("{kind} {item}{exit} {text:?}\n"));
            }
            turns.extend(turn);
        }
        (shown, turns)
    }

    #[test]
    fn a_recorded_turn_reads_as_a_person_would_tell_it() {
        let (shown, turns) = all(include_str!("../tests/recorded/turn.jsonl"));
        insta::assert_snapshot!(shown);
        assert_eq!(turns, [Turn::Session("01a20143-4f22-75f0-af73-f37dc465c7ff".into()), Turn::Completed]);
    }

    #[test]
    fn a_recorded_refusal_ends_the_turn_with_its_reason() {
        let (shown, turns) = all(include_str!("../tests/recorded/refused.jsonl"));
        assert_eq!(shown.matches("notice").count(), 6, "{shown}");
        assert!(shown.contains("error  \"unexpected status 402"), "{shown}");
        assert!(matches!(&turns[1], Turn::Failed(reason) if reason.contains("402 Payment Required")));
    }

    #[test]
    fn what_is_not_known_is_shown_and_never_breaks() {
        let cases = [
            (r#"{"type":"item.completed","item":{"id":"i","type":"hologram","x":1}}"#, 1),
            (r#"{"type":"moon.risen"}"#, 1),
            ("{\"type\":\"item.comp", 1),
            ("\u{fffd}\u{0}binary", 1),
            ("   ", 0),
            (r#"{"type":"item.updated","item":{"id":"i","type":"reasoning","text":"half"}}"#, 0),
        ];
        for (line, count) in cases {
            let (drafts, turn) = read_line(line, "/r");
            assert_eq!(drafts.len(), count, "{line}");
            assert!(drafts.iter().all(|draft| draft.kind == Kind::Notice), "{line}");
            assert_eq!(turn, None, "{line}");
        }
        let long = read_line(&"x".repeat(1 << 20), "/r").0;
        assert_eq!(long[0].text.len(), UNKNOWN_SHOWN);
    }

    #[test]
    fn tools_plans_and_patches_are_shown() {
        let lines = [
            r#"{"type":"item.started","item":{"id":"a","type":"mcp_tool_call","server":"s","tool":"t","arguments":{"n":1},"status":"in_progress"}}"#,
            r#"{"type":"item.completed","item":{"id":"a","type":"mcp_tool_call","server":"s","tool":"t","error":{"message":"no"},"status":"failed"}}"#,
            r#"{"type":"item.updated","item":{"id":"b","type":"todo_list","items":[{"text":"one","completed":true},{"text":"two","completed":false}]}}"#,
            r#"{"type":"item.completed","item":{"id":"c","type":"file_change","changes":[{"path":"/workspace/repo/src/a.rs","kind":"update"},{"path":"/etc/x","kind":"add"}],"status":"failed"}}"#,
        ];
        let (shown, _) = all(&lines.join("\n"));
        insta::assert_snapshot!(shown, @r#"
        command a "s.t {\"n\":1}"
        output a "no"
        command_end a "failed"
        step b "[x] one\n[ ] two"
        patch c "update src/a.rs\nadd /etc/x\n(failed)"
        "#);
    }

    #[test]
    fn a_command_is_shown_as_the_agent_wrote_it() {
        assert_eq!(unwrapped("/usr/bin/bash -c 'ls && echo \"a b\"'".into()), "ls && echo \"a b\"");
        assert_eq!(unwrapped("/usr/bin/bash -c \"set -e\nls\"".into()), "set -e\nls");
        for plain in ["ls -la", "bash script.sh", "bash -c 'unfinished"] {
            assert_eq!(unwrapped(plain.into()), plain);
        }
    }
}
