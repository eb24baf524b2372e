//! Compares a document with what the handlers declare through utoipa. Used by tests: a route that one side has and the
//! other has not, or has differently, fails them.
//!
//! Compared are method, path, operation id, parameters (where, name, required), and the schema names of bodies and
//! answers by media type and status. Wording and the inside of schemas are not: the types are generated from the
//! document, so they cannot differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::document::{Document, has_tag};

/// One line for each difference between `document` and `code`; empty when there is none. With `tags`, only operations of
/// the document that carry one of them count, and `code` must have exactly those.
#[must_use]
pub fn compare(document: &Document, code: &OpenApi, tags: &[&str]) -> Vec<String> {
    let declared = match surface_of_document(document, tags) {
        Ok(surface) => surface,
        Err(problem) => return vec![problem],
    };
    let written = match serde_json::to_value(code) {
        Ok(code) => surface_of_code(&code),
        Err(error) => return vec![format!("the handlers' description is not JSON: {error}")],
    };
    let names: BTreeSet<&String> = declared.keys().chain(written.keys()).collect();
    let mut differences = Vec::new();
    for name in names {
        match (declared.get(name), written.get(name)) {
            (Some(_), None) => differences.push(format!("{name}: in {} but no handler has it", document.file())),
            (None, Some(_)) => differences.push(format!("{name}: a handler has it but not {}", document.file())),
            (Some(declared), Some(written)) => {
                for missing in declared.difference(written) {
                    differences.push(format!("{name}: the handler lacks {missing}"));
                }
                for extra in written.difference(declared) {
                    differences.push(format!("{name}: only the handler has {extra}"));
                }
            }
            (None, None) => {}
        }
    }
    differences
}

/// Facts of each operation, by "METHOD path".
type Surface = BTreeMap<String, BTreeSet<String>>;

fn surface_of_document(document: &Document, tags: &[&str]) -> Result<Surface, String> {
    let mut surface = Surface::new();
    for operation in document.operations() {
        if !tags.is_empty() && !tags.iter().any(|tag| has_tag(operation.value, tag)) {
            continue;
        }
        let mut facts = facts_of(operation.value, &|place| {
            let at = place.iter().fold(operation.place.clone(), |at, key| at.join(key));
            document.resolve(at).map(|(_, value)| value.clone()).map_err(|problem| problem.to_string())
        })?;
        // `requestBody` of a raw body is read by hand, but both sides still declare it.
        facts.retain(|fact| !fact.is_empty());
        surface.insert(format!("{} {}", operation.method, operation.path), facts);
    }
    Ok(surface)
}

fn surface_of_code(code: &Value) -> Surface {
    let mut surface = Surface::new();
    for (path, item) in code["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten().filter(|(_, value)| value.is_object()) {
            let resolve = |place: &[&str]| {
                let value = place.iter().try_fold(operation, |at, key| match at {
                    Value::Array(items) => items.get(key.parse::<usize>().ok()?),
                    at => at.get(key),
                });
                Ok(follow(code, value.unwrap_or(&Value::Null)).clone())
            };
            // A description made of JSON values resolves always.
            let facts: Result<_, String> = facts_of(operation, &resolve);
            surface.insert(format!("{} {path}", method.to_uppercase()), facts.unwrap_or_default());
        }
    }
    surface
}

fn follow<'a>(code: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| code.pointer(target)).unwrap_or(value)
}

fn facts_of(operation: &Value, resolve: &dyn Fn(&[&str]) -> Result<Value, String>) -> Result<BTreeSet<String>, String> {
    let mut facts = BTreeSet::new();
    facts.insert(format!("operationId {}", operation["operationId"].as_str().unwrap_or("(none)")));
    for index in 0..operation["parameters"].as_array().map_or(0, Vec::len) {
        let parameter = resolve(&["parameters", &index.to_string()])?;
        let place = parameter["in"].as_str().unwrap_or_default();
        let name = parameter["name"].as_str().unwrap_or_default();
        // Header names have no case.
        let name = if place == "header" { name.to_ascii_lowercase() } else { name.to_owned() };
        let need = if parameter["required"] == true { "required" } else { "optional" };
        facts.insert(format!("parameter {place} {name} ({need})"));
    }
    if operation.get("requestBody").is_some() {
        let body = resolve(&["requestBody"])?;
        facts.extend(contents(&body).map(|(media, schema)| format!("request body {media} {schema}")));
    }
    for status in operation["responses"].as_object().into_iter().flat_map(|responses| responses.keys()) {
        let response = resolve(&["responses", status])?;
        let contents: Vec<_> = contents(&response).collect();
        if contents.is_empty() {
            facts.insert(format!("answer {status} without content"));
        }
        facts.extend(contents.into_iter().map(|(media, schema)| format!("answer {status} {media} {schema}")));
    }
    Ok(facts)
}

/// Media types with the name of the schema that each refers to.
fn contents(holder: &Value) -> impl Iterator<Item = (&str, &str)> {
    let contents = holder["content"].as_object().into_iter().flatten();
    contents.map(|(media, content)| {
        let name = content["schema"]["$ref"].as_str().and_then(|target| target.rsplit('/').next());
        (media.as_str(), name.unwrap_or("(inline)"))
    })
}

#[cfg(test)]
mod tests {
    use utoipa_axum::router::OpenApiRouter;
    use utoipa_axum::routes;

    use super::*;
    use crate::gateway::{AccessToken, Problem};

    const DOCUMENT: &str = r##"
paths:
  /renew/{what}:
    post:
      operationId: renew
      tags: [auth]
      parameters:
        - { name: what, in: path, required: true, schema: { type: string } }
        - { name: Last-Event-ID, in: header, required: false, schema: { type: string } }
      responses:
        "200": { content: { application/json: { schema: { $ref: "other.yaml#/components/schemas/AccessToken" } } } }
        default: { $ref: "#/components/responses/Problem" }
  /elsewhere:
    get: { operationId: elsewhere, tags: [other], responses: {} }
components:
  responses:
    Problem: { content: { application/problem+json: { schema: { $ref: "#/components/schemas/Problem" } } } }
"##;

    #[utoipa::path(
        post,
        path = "/renew/{what}",
        operation_id = "renew",
        params(("what" = String, Path), ("last-event-id" = Option<String>, Header)),
        responses(
            (status = 200, body = AccessToken),
            (status = "default", body = Problem, content_type = "application/problem+json"),
        )
    )]
    async fn renew() {}

    #[utoipa::path(post, path = "/renew/{what}", operation_id = "renewed", responses((status = 200, body = Problem)))]
    async fn renew_otherwise() {}

    #[test]
    fn equal_surfaces_have_no_differences() {
        let (_, code) = OpenApiRouter::<()>::new().routes(routes!(renew)).split_for_parts();
        let document = Document::of(&[("shop.yaml", DOCUMENT)]);
        assert_eq!(compare(&document, &code, &["auth"]), [""; 0]);
        let missing = compare(&document, &code, &[]);
        assert_eq!(missing, ["GET /elsewhere: in shop.yaml but no handler has it"]);
    }

    #[test]
    fn each_difference_is_named() {
        let (_, code) = OpenApiRouter::<()>::new().routes(routes!(renew_otherwise)).split_for_parts();
        let differences = compare(&Document::of(&[("shop.yaml", DOCUMENT)]), &code, &["auth"]);
        let has = |text: &str| differences.iter().any(|line| line.contains(text));
        for text in [
            "lacks operationId renew",
            "lacks parameter path what (required)",
            "lacks parameter header last-event-id (optional)",
            "lacks answer 200 application/json AccessToken",
            "only the handler has answer 200 application/json Problem",
            "lacks answer default application/problem+json Problem",
        ] {
            assert!(has(text), "{text} is not in {differences:#?}");
        }
    }
}
