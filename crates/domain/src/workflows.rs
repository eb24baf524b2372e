//! Which of a repository's GitHub workflows hand secrets to the branches that agents push.
//!
//! A pushed branch runs what it says itself, up to the scripts that a workflow calls, so whatever secret the workflow
//! gets is the agent's to read. An environment's protection is a setting of the repository and cannot be seen in the
//! file, so a workflow that uses one is named like any other.

mod filters;

use serde_json::Value;
use uuid::Uuid;

use crate::ids::RunId;
use crate::names;

/// A workflow file of the default branch.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowFile {
    /// From the repository's root.
    pub path: String,
    /// What it says; `None` when it could not be read.
    pub content: Option<Value>,
}

/// What a repository's workflows do with its secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Paths of those that hand secrets to agents' branches.
    pub handing: Vec<String>,
    /// Paths of those that could not be read, so nothing is known of them.
    pub unread: Vec<String>,
}

/// Sorts workflows by what they do with secrets; pull requests of agents go to `default_branch`.
#[must_use]
pub fn exposure(files: &[WorkflowFile], default_branch: &str) -> Exposure {
    let mut exposure = Exposure::default();
    for file in files {
        match &file.content {
            None => exposure.unread.push(file.path.clone()),
            Some(content) if hands_secrets(content, default_branch) => exposure.handing.push(file.path.clone()),
            Some(_) => {}
        }
    }
    exposure
}

fn hands_secrets(workflow: &Value, default_branch: &str) -> bool {
    let runs = || triggers(workflow).into_iter().any(|(event, filter)| runs_agents_code(event, filter, default_branch));
    mentions_secrets(workflow) && runs()
}

/// The events of `on` with the filter of each. Older YAML takes the bare word `on` for a truth value.
fn triggers(workflow: &Value) -> Vec<(&str, &Value)> {
    let on = workflow.get("on").or_else(|| workflow.get("true")).unwrap_or(&Value::Null);
    match on {
        Value::String(event) => vec![(event, &Value::Null)],
        Value::Array(events) => events.iter().filter_map(|event| Some((event.as_str()?, &Value::Null))).collect(),
        Value::Object(events) => events.iter().map(|(event, filter)| (event.as_str(), filter)).collect(),
        _ => Vec::new(),
    }
}

/// Whether the event comes from an agent's push or from its pull request, and with the repository's secrets.
fn runs_agents_code(event: &str, filter: &Value, default_branch: &str) -> bool {
    match event {
        "push" => !for_tags_only(filter) && lets_some_through(filter, &agents_branches()),
        "workflow_run" => lets_some_through(filter, &agents_branches()),
        // These are filtered by the branch that the pull request goes to.
        "pull_request" | "pull_request_target" => lets_some_through(filter, &[default_branch.to_owned()]),
        "create" | "pull_request_review" | "pull_request_review_comment" => true,
        _ => false,
    }
}

/// Two branches as agents get them, as different as they come.
fn agents_branches() -> [String; 2] {
    [names::branch(1, RunId(Uuid::nil())), names::branch(i64::MAX, RunId(Uuid::max()))]
}

/// Who filters tags alone hears of no branch.
fn for_tags_only(filter: &Value) -> bool {
    let has = |key: &str| filter.get(key).is_some();
    (has("tags") || has("tags-ignore")) && !has("branches") && !has("branches-ignore")
}

fn lets_some_through(filter: &Value, branches: &[String]) -> bool {
    let (wanted, ignored) = (patterns(filter, "branches"), patterns(filter, "branches-ignore"));
    branches.iter().any(|branch| match (&wanted, &ignored) {
        (Some(wanted), _) => filters::includes(wanted, branch),
        (None, Some(ignored)) => !filters::includes(ignored, branch),
        (None, None) => true,
    })
}

/// One pattern or a list of them; a number is the name of a branch as well.
fn patterns(filter: &Value, key: &str) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match filter.get(key)? {
        Value::Array(patterns) => Some(patterns.iter().map(text).collect()),
        pattern => Some(vec![text(pattern)]),
    }
}

/// Whether a secret stands in an expression anywhere, or all are passed on to a reusable workflow.
fn mentions_secrets(value: &Value) -> bool {
    match value {
        Value::String(text) => expressions(text).any(names_a_secret),
        Value::Array(items) => items.iter().any(mentions_secrets),
        Value::Object(members) => {
            members.iter().any(|(key, value)| (key == "secrets" && value == "inherit") || mentions_secrets(value))
        }
        _ => false,
    }
}

fn expressions(text: &str) -> impl Iterator<Item = &str> {
    text.split("${{").skip(1).map(|rest| rest.split_once("}}").map_or(rest, |(expression, _)| expression))
}

/// Whether the context `secrets` is used, other than for the job's own token: that one every job has, named or not.
fn names_a_secret(expression: &str) -> bool {
    let expression = expression.to_ascii_lowercase();
    expression.match_indices("secrets").any(|(at, word)| {
        let (before, after) = (&expression[..at], &expression[at + word.len()..]);
        let is_context = !before.ends_with(|c| c == '.' || in_name(c)) && !after.starts_with(in_name);
        let token = after.strip_prefix(".github_token").is_some_and(|rest| !rest.starts_with(in_name));
        is_context && !token
    })
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with_secret(on: &Value) -> Value {
        json!({ "on": on, "jobs": { "build": { "steps": [{ "env": { "KEY": "${{ secrets.KEY }}" } }] } } })
    }

    #[test]
    fn triggers_decide_whether_an_agents_branch_runs_it() {
        let table = [
            (json!("push"), true),
            (json!(["workflow_dispatch", "push"]), true),
            (json!({ "push": null }), true),
            (json!({ "push": { "paths": ["src/**"] } }), true),
            (json!({ "push": { "branches": ["main"] } }), false),
            (json!({ "push": { "branches": "main" } }), false),
            (json!({ "push": { "branches": ["main", "codex/**"] } }), true),
            (json!({ "push": { "branches": ["**", "!codex/**"] } }), false),
            (json!({ "push": { "branches": [1.5, "*"] } }), false),
            (json!({ "push": { "branches-ignore": ["codex/**"] } }), false),
            (json!({ "push": { "branches-ignore": ["docs/**"] } }), true),
            (json!({ "push": { "tags": ["v*"] } }), false),
            (json!({ "push": { "tags": ["v*"], "branches": ["codex/*"] } }), true),
            (json!({ "pull_request": null }), true),
            (json!({ "pull_request": { "types": ["opened"] } }), true),
            (json!({ "pull_request": { "branches": ["main"] } }), true),
            (json!({ "pull_request": { "branches": ["release/*"] } }), false),
            (json!({ "pull_request_target": { "branches-ignore": ["main"] } }), false),
            (json!("pull_request_target"), true),
            (json!("pull_request_review"), true),
            (json!({ "workflow_run": { "workflows": ["CI"] } }), true),
            (json!({ "workflow_run": { "workflows": ["CI"], "branches": ["main"] } }), false),
            (json!("create"), true),
            (json!(["workflow_dispatch", "workflow_call", "schedule", "release", "issue_comment"]), false),
            (json!(null), false),
        ];
        for (on, hands) in table {
            assert_eq!(hands_secrets(&with_secret(&on), "main"), hands, "{on}");
        }
        assert!(hands_secrets(&json!({ "true": "push", "env": { "A": "${{ secrets.A }}" } }), "main"));
    }

    #[test]
    fn secrets_are_mentioned_in_expressions_or_passed_on() {
        let table = [
            (json!({ "with": { "key": "${{ secrets.KEY }}" } }), true),
            (json!({ "run": "deploy ${{ github.ref }} --key ${{secrets['KEY']}}" }), true),
            (json!({ "env": { "ALL": "${{ toJSON( Secrets ) }}" } }), true),
            (json!({ "env": { "A": "${{ secrets.GITHUB_TOKEN || secrets.GITHUB_TOKEN_2 }}" } }), true),
            (json!({ "jobs": { "call": { "uses": "./x.yml", "secrets": "inherit" } } }), true),
            (json!({ "jobs": { "call": { "secrets": { "a": "${{ secrets.A }}" } } } }), true),
            (json!({ "env": { "TOKEN": "${{ secrets.GITHUB_TOKEN }}" } }), false),
            (json!({ "env": { "A": "${{ needs.read.outputs.secrets }} ${{ my_secrets.A }} ${{ vars.B }}" } }), false),
            (json!({ "run": "echo secrets.KEY # no expression" }), false),
            (json!({ "name": "Rotate secrets", "timeout-minutes": 5 }), false),
        ];
        for (part, mentions) in table {
            assert_eq!(mentions_secrets(&part), mentions, "{part}");
        }
    }

    #[test]
    fn files_are_sorted_and_what_could_not_be_read_is_named() {
        let file = |path: &str, content: Option<Value>| WorkflowFile { path: path.to_owned(), content };
        let files = [
            file("ci.yml", Some(with_secret(&json!("push")))),
            file("lint.yml", Some(json!({ "on": "push", "jobs": {} }))),
            file("torn.yml", None),
            file("empty.yml", Some(Value::Null)),
        ];
        let expected = Exposure { handing: vec!["ci.yml".into()], unread: vec!["torn.yml".into()] };
        assert_eq!(exposure(&files, "main"), expected);
        assert_eq!(exposure(&[], "main"), Exposure::default());
    }
}
