//! What a system of others sends when it asks. Its bodies are read here, field by field and in bounds, and refused in words
//! that name the field. What existing clients leave out where it is empty may be missing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::OutsideKind;
use crate::approvals::Question;

/// How long people have when nothing is said.
const USUAL_SECONDS: u64 = 3600;
/// How long they may have at most.
const MOST_SECONDS: u64 = 259_200;
const MOST_LINKS: usize = 5;
const LONGEST_NAME: usize = 200;
const LONGEST_ADDRESS: usize = 2000;

/// A body that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The other side's own id.
    pub correlation_id: String,
    /// What people are shown.
    pub asked: Asked,
    /// Where the answer is posted. Whether anything may stand there is judged elsewhere.
    pub callback: String,
    /// How long people have.
    pub patience: Duration,
}

/// What is asked, as people are shown it. All of it is the other side's claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Asked {
    /// Leave to do something.
    Approval(Approval),
    /// An answer to a question.
    Execution(Execution),
}

impl Asked {
    /// The other side's name of the tool.
    #[must_use]
    pub fn tool(&self) -> &str {
        match self {
            Self::Approval(approval) => &approval.tool,
            Self::Execution(execution) => &execution.tool,
        }
    }

    /// What it says in one line.
    #[must_use]
    pub fn in_short(&self) -> &str {
        match self {
            Self::Approval(approval) => approval.request.as_deref().unwrap_or(&approval.tool),
            Self::Execution(execution) => &execution.question.question,
        }
    }

    /// What the tool is called with.
    #[must_use]
    pub const fn arguments(&self) -> &Map<String, Value> {
        match self {
            Self::Approval(approval) => &approval.arguments,
            Self::Execution(execution) => &execution.arguments,
        }
    }
}

/// Leave to do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The tool.
    pub tool: String,
    /// What it is called with.
    pub arguments: Map<String, Value>,
    /// What is asked.
    pub request: Option<String>,
    /// Why.
    pub justification: Option<String>,
    /// What may go wrong.
    pub risk: Option<String>,
    /// Five at most.
    pub links: Vec<Link>,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub text: String,
    /// Its address, http or https.
    pub url: String,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// The tool that asks.
    pub tool: String,
    /// The tool's title.
    pub title: Option<String>,
    /// What the tool says of itself.
    pub description: Option<String>,
    /// What it is called with; the question is made of it.
    pub arguments: Map<String, Value>,
    /// The question.
    pub question: Question,
}

/// Why a body is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {must}")]
pub struct Unfit {
    /// The field, by its path.
    pub field: &'static str,
    /// What it must be.
    pub must: String,
}

/// Told apart by their words alone, so that the same body again is the same, however it is written.
#[must_use]
pub fn digest(body: &Value) -> [u8; 32] {
    Sha256::digest(body.to_string()).into()
}

/// Reads a body.
///
/// # Errors
/// The first field that is not as it has to be.
pub fn read(kind: OutsideKind, body: &Value) -> Result<Ask, Unfit> {
    let fields = body.as_object().ok_or_else(|| unfit("the body", "must be a JSON object"))?;
    if holds_nul(body) {
        return Err(unfit("the body", "must not hold the character U+0000"));
    }
    let correlation_id = correlation_id(kind, &body["correlation_id"])?;
    let asked = match kind {
        OutsideKind::Approval => Asked::Approval(approval(fields)?),
        OutsideKind::Execution => Asked::Execution(execution(body)?),
    };
    // People read plain text in a language of their own: neither changes anything, and existing clients send either as it
    // stands in their configuration (`RU`, `Markdown`).
    for field in ["lang", "markup"] {
        word(field, &body[field])?;
    }
    let callback = text("callback.url", &body["callback"]["url"], 1, LONGEST_ADDRESS)?;
    Ok(Ask { correlation_id, asked, callback, patience: patience(&body["timeout_sec"])? })
}

fn approval(fields: &Map<String, Value>) -> Result<Approval, Unfit> {
    let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
    Ok(Approval {
        tool: text("tool", field("tool"), 1, LONGEST_NAME)?,
        arguments: object("arguments", field("arguments"))?,
        request: optional("approval_request", field("approval_request"), 10, 500)?,
        justification: optional("justification", field("justification"), 10, 500)?,
        risk: optional("risk_assessment", field("risk_assessment"), 10, 500)?,
        links: list("links_to_code", field("links_to_code"), 0, MOST_LINKS)?
            .iter()
            .map(link)
            .collect::<Result<_, _>>()?,
    })
}

fn link(link: &Value) -> Result<Link, Unfit> {
    let url = text("links_to_code.url", &link["url"], 1, LONGEST_ADDRESS)?;
    Ok(Link { text: text("links_to_code.text", &link["text"], 1, 500)?, url })
}

fn execution(body: &Value) -> Result<Execution, Unfit> {
    let (tool, arguments, spec) = (&body["tool"], &body["arguments"], &body["spec"]);
    object("tool", tool)?;
    for (field, value) in [
        ("tool.input_schema", &tool["input_schema"]),
        ("tool.output_schema", &tool["output_schema"]),
        ("tool.metadata", &tool["metadata"]),
        ("spec", spec),
    ] {
        object(field, value)?;
    }
    list("tool.tags", &tool["tags"], 0, usize::MAX)?;
    let least = number("spec.options_min", &spec["options_min"])?.unwrap_or(2).clamp(2, 5);
    let most = number("spec.options_max", &spec["options_max"])?.unwrap_or(5).clamp(least, 5);
    let options = list("arguments.options", &arguments["options"], least, most)?;
    let allowed = flag("spec.allow_custom_option", &spec["allow_custom_option"])?;
    let wanted = flag("arguments.allow_custom", &arguments["allow_custom"])?;
    Ok(Execution {
        tool: text("tool.name", &tool["name"], 1, LONGEST_NAME)?,
        title: optional("tool.title", &tool["title"], 0, 2000)?,
        description: cut("tool.description", &tool["description"], 2000)?,
        arguments: object("arguments", arguments)?,
        question: Question {
            question: text("arguments.question", &arguments["question"], 10, 1000)?,
            context: optional("arguments.context", &arguments["context"], 0, 2000)?,
            options: options.iter().map(|one| text("arguments.options", one, 1, 300)).collect::<Result<_, _>>()?,
            allow_custom: wanted.or(allowed).unwrap_or(true),
        },
    })
}

/// It comes back as it was given, so nothing is cut off it.
fn correlation_id(kind: OutsideKind, value: &Value) -> Result<String, Unfit> {
    let most = match kind {
        OutsideKind::Approval => 52,
        OutsideKind::Execution => 50,
    };
    let id = value.as_str().unwrap_or_default();
    if !(1..=most).contains(&id.len()) || id.trim() != id || id.chars().any(char::is_control) {
        return Err(unfit("correlation_id", format!("must be 1-{most} bytes, with no space around them")));
    }
    if kind == OutsideKind::Execution && id.contains('|') {
        return Err(unfit("correlation_id", "must not hold |"));
    }
    Ok(id.to_owned())
}

fn patience(value: &Value) -> Result<Duration, Unfit> {
    let seconds = if value.is_null() { Some(USUAL_SECONDS) } else { value.as_u64() };
    seconds
        .filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| unfit("timeout_sec", format!("must be a whole number from 1 to {MOST_SECONDS}")))
}

fn text(field: &'static str, value: &Value, least: usize, most: usize) -> Result<String, Unfit> {
    let given = value.as_str().ok_or_else(|| unfit(field, "must be a text"))?.trim();
    if !(least..=most).contains(&given.chars().count()) {
        return Err(unfit(field, format!("must be {least}-{most} characters")));
    }
    Ok(given.to_owned())
}

/// Nothing, also where nothing is written and nothing has to be.
fn optional(field: &'static str, value: &Value, least: usize, most: usize) -> Result<Option<String>, Unfit> {
    if value.is_null() {
        return Ok(None);
    }
    Ok(Some(text(field, value, least, most)?).filter(|text| !text.is_empty()))
}

/// What is written for agents and may be long.
fn cut(field: &'static str, value: &Value, most: usize) -> Result<Option<String>, Unfit> {
    let given = optional(field, value, 0, usize::MAX)?;
    Ok(given.map(|text| match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }))
}

fn object(field: &'static str, value: &Value) -> Result<Map<String, Value>, Unfit> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(fields) => Ok(fields.clone()),
        _ => Err(unfit(field, "must be an object")),
    }
}

fn list<'a>(field: &'static str, value: &'a Value, least: usize, most: usize) -> Result<&'a [Value], Unfit> {
    let items = match value {
        Value::Null => &[],
        Value::Array(items) => items.as_slice(),
        _ => return Err(unfit(field, "must be a list")),
    };
    if !(least..=most).contains(&items.len()) {
        return Err(unfit(field, format!("must have {least}-{most} entries")));
    }
    Ok(items)
}

fn number(field: &'static str, value: &Value) -> Result<Option<usize>, Unfit> {
    if value.is_null() {
        return Ok(None);
    }
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.map(Some).ok_or_else(|| unfit(field, "must be a whole number"))
}

fn flag(field: &'static str, value: &Value) -> Result<Option<bool>, Unfit> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        _ => Err(unfit(field, "must be true or false")),
    }
}

fn word(field: &'static str, value: &Value) -> Result<(), Unfit> {
    if value.is_null() || value.is_string() { Ok(()) } else { Err(unfit(field, "must be a text")) }
}

/// No database stores that character in a text.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn unfit(field: &'static str, must: impl Into<String>) -> Unfit {
    Unfit { field, must: must.into() }
}

#[cfg(test)]
mod tests;
