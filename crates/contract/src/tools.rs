//! The tools of agents, as `x-mcp-tools` of `openapi/agent.yaml` has them: what each is for and what it takes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::{Document, DocumentProblem, Place};
use crate::gateway::FieldProblem;
use crate::validator::fields::body_problems;

/// All tools by name.
#[derive(Debug)]
pub struct Tools(BTreeMap<String, ToolContract>);

/// What a tool is for and what it takes.
#[derive(Debug)]
pub struct ToolContract {
    /// In the words that the agent reads.
    pub description: String,
    /// JSON schema of its arguments, without references, so that it can be listed as it is.
    pub input: Map<String, Value>,
    validator: jsonschema::Validator,
}

impl Tools {
    /// The tools of a document.
    ///
    /// # Errors
    /// [`DocumentProblem`] when a tool's schema is not there, is no object or does not compile.
    pub fn new(document: &Document) -> Result<Self, DocumentProblem> {
        let root = Place { file: document.file().to_owned(), pointer: "/x-mcp-tools".to_owned() };
        let (_, listed) = document.resolve(root.clone())?;
        let schemas = document.schemas()?;
        let one = |name: &String| {
            let place = root.join(name);
            let (_, said) = document.resolve(place.clone())?;
            let (input_at, input) = document.resolve(place.join("input"))?;
            let contract = ToolContract {
                description: said["description"].as_str().unwrap_or_default().to_owned(),
                input: input.as_object().cloned().unwrap_or_default(),
                validator: schemas.compile(&input_at, &format!("tool {name}"))?,
            };
            Ok((name.clone(), contract))
        };
        let names = listed.as_object().into_iter().flat_map(Map::keys);
        names.map(one).collect::<Result<_, _>>().map(Self)
    }

    /// One tool.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ToolContract> {
        self.0.get(name)
    }

    /// Names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl ToolContract {
    /// Everything that is wrong with a call's arguments; values are never repeated.
    #[must_use]
    pub fn problems(&self, arguments: &Value) -> Vec<FieldProblem> {
        body_problems(&self.validator, arguments)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::tools::Tool;
    use serde_json::json;

    use super::*;

    fn tools() -> Tools {
        Tools::new(&Document::agent().unwrap()).unwrap()
    }

    #[test]
    fn every_tool_says_what_it_is_for_and_takes_an_object_without_references() {
        let tools = tools();
        for name in tools.names() {
            let tool = tools.get(name).unwrap();
            assert!(!tool.description.is_empty(), "{name}");
            assert_eq!(tool.input["type"], "object", "{name}");
            assert_eq!(tool.input["additionalProperties"], false, "{name}");
            assert!(!json!(tool.input).to_string().contains("$ref"), "{name}");
        }
    }

    #[test]
    fn they_are_the_ones_that_the_platform_knows() {
        let known: BTreeSet<_> = Tool::ALL.iter().map(|tool| tool.as_str()).collect();
        assert_eq!(tools().names().collect::<BTreeSet<_>>(), known);
    }

    #[test]
    fn wrong_arguments_are_told_by_their_fields_and_not_repeated() {
        let tools = tools();
        let told = |name: &str, arguments: Value| -> Vec<String> {
            let problems = tools.get(name).unwrap().problems(&arguments);
            assert!(!format!("{problems:?}").contains("secret"), "{problems:?}");
            let mut fields: Vec<_> = problems.into_iter().map(|problem| problem.field).collect();
            fields.sort();
            fields
        };
        assert_eq!(told("run_status_report", json!({"status": "reading"})), Vec::<String>::new());
        assert_eq!(told("run_status_report", json!({"status": "secret ".repeat(30)})), ["/status"]);
        assert_eq!(told("github_comment_add", json!({"number": 0, "text": "x"})), ["/body", "/number", "/text"]);
        assert_eq!(told("github_issue_get", json!(["secret"])), [""]);
    }
}
