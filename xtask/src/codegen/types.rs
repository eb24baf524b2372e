//! Wire types out of an OpenAPI document: its schemas are turned into the dialect that typify reads, and typify's answer
//! is written down formatted.
//!
//! Bounds and patterns are left out on purpose: the contract middleware enforces them from the document itself, and a
//! newtype for every bounded string would say the same rule twice.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use typify::{TypeSpace, TypeSpaceImpl, TypeSpaceSettings};

/// Keywords that only the middleware needs.
const LEFT_OUT: [&str; 11] = [
    "discriminator",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "pattern",
    "minItems",
    "maxItems",
    "multipleOf",
];

/// Where the generated module of a document is found in the `contract` crate, by the document's file name.
pub(crate) fn module_of(file: &str) -> String {
    file.trim_end_matches(".yaml").to_owned()
}

/// The Rust source of one document's schemas. Schemas of other documents become references to their own modules.
pub(crate) fn rust_types(file: &str, documents: &BTreeMap<String, Value>) -> Result<String> {
    let own = schemas(file, documents)?;
    let mut foreign = BTreeSet::new();
    let mut definitions = BTreeMap::new();
    for (name, schema) in own {
        definitions.insert(name.clone(), rewrite(schema, file, &mut foreign)?);
    }
    let mut settings = TypeSpaceSettings::default();
    settings.with_derive("PartialEq".to_owned()).with_derive("::utoipa::ToSchema".to_owned());
    // A string of format `password` is a secret: it is sent, never printed.
    settings.with_conversion(secret_schema()?, "crate::Secret", std::iter::empty::<TypeSpaceImpl>());
    for (other, name) in &foreign {
        if own.contains_key(name) {
            bail!("{file} has a schema {name} of its own and takes {name} from {other}");
        }
        let module = module_of(other);
        definitions.insert(name.clone(), serde_json::json!({ "type": "object" }));
        settings.with_replacement(name, format!("crate::{module}::{name}"), std::iter::empty::<TypeSpaceImpl>());
    }
    let mut types = TypeSpace::new(&settings);
    let mut read = Vec::new();
    for (name, schema) in definitions {
        let schema = serde_json::from_value(schema).with_context(|| format!("{file}: schema {name}"))?;
        read.push((name, schema));
    }
    types.add_ref_types(read).with_context(|| format!("typify refused {file}"))?;
    let mut parsed =
        syn::parse2(types.to_stream()).with_context(|| format!("typify's answer for {file} is not Rust"))?;
    shorten_docs(&mut parsed);
    let source = format!(
        "//! Wire types of `openapi/{file}`, written by `cargo xtask codegen`; edit the document, not this file.\n\n{}",
        prettyplease::unparse(&parsed)
    );
    Ok(source)
}

fn secret_schema() -> Result<schemars08::schema::SchemaObject> {
    Ok(serde_json::from_value(serde_json::json!({ "type": "string", "format": "password" }))?)
}

/// typify repeats each schema in its type's documentation; the document is beside it, so only the description stays.
fn shorten_docs(file: &mut syn::File) {
    for item in &mut file.items {
        let attributes = match item {
            syn::Item::Struct(item) => &mut item.attrs,
            syn::Item::Enum(item) => &mut item.attrs,
            _ => continue,
        };
        let mut in_schema = false;
        attributes.retain(|attribute| {
            let Some(text) = doc_text(attribute) else { return true };
            in_schema |= text.contains("<details>");
            !in_schema && !text.trim().is_empty()
        });
    }
}

fn doc_text(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if meta.path.is_ident("doc") => {
            Some(text.value())
        }
        _ => None,
    }
}

fn schemas<'a>(file: &str, documents: &'a BTreeMap<String, Value>) -> Result<&'a Map<String, Value>> {
    documents
        .get(file)
        .and_then(|document| document.pointer("/components/schemas"))
        .and_then(Value::as_object)
        .with_context(|| format!("{file} has no schemas"))
}

/// One schema as typify wants it; names that it takes from other documents are collected.
fn rewrite(schema: &Value, file: &str, foreign: &mut BTreeSet<(String, String)>) -> Result<Value> {
    match schema {
        Value::Array(items) => items.iter().map(|item| rewrite(item, file, foreign)).collect(),
        Value::Object(members) => rewrite_members(members, file, foreign).map(Value::Object),
        other => Ok(other.clone()),
    }
}

fn rewrite_members(
    members: &Map<String, Value>,
    file: &str,
    foreign: &mut BTreeSet<(String, String)>,
) -> Result<Map<String, Value>> {
    let mut written = Map::new();
    for (key, value) in members {
        match (key.as_str(), value) {
            ("$ref", Value::String(target)) => {
                written.insert(key.clone(), local_reference(target, file, foreign)?.into());
            }
            // A property may be called `pattern`; only keywords are left out, and their values are never objects.
            (key, value) if LEFT_OUT.contains(&key) && (!value.is_object() || key == "discriminator") => {}
            ("const", value) => {
                written.insert("enum".to_owned(), Value::Array(vec![value.clone()]));
            }
            (_, value) => {
                written.insert(key.clone(), rewrite(value, file, foreign)?);
            }
        }
    }
    if written.get("type").is_some_and(|kind| kind == "integer") && !written.contains_key("format") {
        written.insert("format".to_owned(), "int64".into());
    }
    Ok(written)
}

fn local_reference(target: &str, file: &str, foreign: &mut BTreeSet<(String, String)>) -> Result<String> {
    let Some((document, name)) = target.split_once("#/components/schemas/") else {
        bail!("{file}: `{target}` does not point at a schema");
    };
    if !document.is_empty() && document != file {
        foreign.insert((document.to_owned(), name.to_owned()));
    }
    Ok(format!("#/definitions/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn documents() -> BTreeMap<String, Value> {
        BTreeMap::from([
            (
                "a.yaml".to_owned(),
                json!({ "components": { "schemas": {
                "Thing": { "type": "object", "required": ["id"], "properties": {
                    "id": { "type": "integer", "minimum": 1 },
                    "pattern": { "type": "object", "properties": {} },
                    "kind": { "const": "x" },
                } },
            } } }),
            ),
            (
                "b.yaml".to_owned(),
                json!({ "components": { "schemas": {
                "Holder": { "type": "object", "properties": { "thing": { "$ref": "a.yaml#/components/schemas/Thing" } } },
            } } }),
            ),
        ])
    }

    #[test]
    fn bounds_are_left_out_but_properties_of_the_same_name_stay() {
        let source = rust_types("a.yaml", &documents()).unwrap();
        assert!(source.contains("pub id: i64"), "{source}");
        assert!(source.contains("pub pattern:"), "{source}");
    }

    #[test]
    fn a_type_of_another_document_is_used_not_made_again() {
        let source = rust_types("b.yaml", &documents()).unwrap();
        assert!(source.contains("crate::a::Thing"), "{source}");
        assert!(!source.contains("struct Thing"), "{source}");
    }

    #[test]
    fn two_schemas_of_one_name_are_refused() {
        let mut documents = documents();
        documents.get_mut("b.yaml").unwrap()["components"]["schemas"]["Thing"] = json!({ "type": "string" });
        assert!(rust_types("b.yaml", &documents).unwrap_err().to_string().contains("Thing"));
    }
}
