//! One operation of a document, compiled: its parameters, the bodies it takes and the answers it may give.

use std::collections::BTreeMap;

use axum::extract::RawPathParams;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::fields;
use crate::document::{Declared, Document, DocumentProblem, Place, Schemas};
use crate::gateway::FieldProblem;

/// Media types with the schema of those that are JSON.
type Media = BTreeMap<String, Option<jsonschema::Validator>>;

#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) body: RequestBody,
    parameters: Vec<Parameter>,
    /// By status or `default`.
    answers: BTreeMap<String, Media>,
}

#[derive(Debug)]
pub(super) enum RequestBody {
    /// There is none.
    None,
    /// `x-raw-body`: the handler reads and checks it by itself, because something must come before parsing.
    Raw,
    /// One of these.
    Media { required: bool, media: Media },
}

/// What is known about an answer.
pub(super) enum Answer<'a> {
    /// JSON of this schema.
    Json(&'a jsonschema::Validator),
    /// Declared, but not JSON.
    Unchecked,
    /// The document knows no such status or media type.
    Undeclared,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Location {
    Path,
    Query,
    Header,
}

impl Location {
    fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Scalar {
    Text,
    Integer,
    Number,
    Boolean,
}

#[derive(Debug)]
struct Parameter {
    location: Location,
    name: String,
    /// As problems name it: `query.limit`.
    field: String,
    required: bool,
    scalar: Scalar,
    schema: jsonschema::Validator,
}

impl Operation {
    pub(super) fn compile(
        document: &Document,
        schemas: &Schemas,
        declared: &Declared<'_>,
    ) -> Result<Self, DocumentProblem> {
        let id = declared.value["operationId"].as_str().unwrap_or(declared.path).to_owned();
        let mut operation = Self { id, body: RequestBody::None, parameters: Vec::new(), answers: BTreeMap::new() };
        for index in 0..declared.value["parameters"].as_array().map_or(0, Vec::len) {
            let place = declared.place.join("parameters").join(&index.to_string());
            operation.parameters.push(Parameter::compile(document, schemas, place)?);
        }
        if declared.value["x-raw-body"] == true {
            operation.body = RequestBody::Raw;
        } else if declared.value.get("requestBody").is_some() {
            let (place, value) = document.resolve(declared.place.join("requestBody"))?;
            let required = value["required"] == true;
            operation.body = RequestBody::Media { required, media: media(document, schemas, &place, &operation.id)? };
        }
        for status in declared.value["responses"].as_object().into_iter().flat_map(|answers| answers.keys()) {
            let (place, _) = document.resolve(declared.place.join("responses").join(status))?;
            operation.answers.insert(status.clone(), media(document, schemas, &place, &operation.id)?);
        }
        Ok(operation)
    }

    /// Everything wrong in path, query and headers, unknown query parameters included.
    pub(super) fn parameter_problems(
        &self,
        path: &RawPathParams,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Vec<FieldProblem> {
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let mut wrong = Vec::new();
        for parameter in &self.parameters {
            let given: Vec<Option<String>> = match parameter.location {
                Location::Path => path
                    .iter()
                    .filter(|(name, _)| *name == parameter.name)
                    .map(|(_, value)| Some(value.to_owned()))
                    .collect(),
                Location::Query => query
                    .iter()
                    .filter(|(name, _)| *name == parameter.name)
                    .map(|(_, value)| Some(value.clone()))
                    .collect(),
                Location::Header => headers
                    .get_all(&parameter.name)
                    .iter()
                    .map(|value| value.to_str().ok().map(str::to_owned))
                    .collect(),
            };
            parameter.check(&given, &mut wrong);
        }
        let mut unknown: Vec<&String> =
            query.iter().map(|(name, _)| name).filter(|name| !self.takes_query(name)).collect();
        unknown.sort();
        unknown.dedup();
        wrong.extend(unknown.into_iter().map(|name| super::field(&format!("query.{name}"), "is not known here")));
        wrong
    }

    fn takes_query(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.location == Location::Query && parameter.name == name)
    }

    pub(super) fn answer(&self, status: StatusCode, media: Option<&str>) -> Answer<'_> {
        let declared = self.answers.get(status.as_str()).or_else(|| self.answers.get("default"));
        match (declared, media) {
            (None, _) => Answer::Undeclared,
            (Some(known), None) if known.is_empty() => Answer::Unchecked,
            (Some(known), media) => match media.and_then(|media| known.get(media)) {
                Some(Some(schema)) => Answer::Json(schema),
                Some(None) => Answer::Unchecked,
                None => Answer::Undeclared,
            },
        }
    }
}

impl Parameter {
    fn compile(document: &Document, schemas: &Schemas, place: Place) -> Result<Self, DocumentProblem> {
        let (place, value) = document.resolve(place)?;
        let name = value["name"].as_str().unwrap_or_default().to_owned();
        let unknown = |reason: &str| DocumentProblem::Schema {
            file: place.file.clone(),
            place: format!("parameter {name}"),
            reason: reason.to_owned(),
        };
        let location = match value["in"].as_str() {
            Some("path") => Location::Path,
            Some("query") => Location::Query,
            Some("header") => Location::Header,
            _ => return Err(unknown("parameters are in path, query or header")),
        };
        let (_, schema) = document.resolve(place.join("schema"))?;
        let scalar = match schema["type"].as_str() {
            Some("string") => Scalar::Text,
            Some("integer") => Scalar::Integer,
            Some("number") => Scalar::Number,
            Some("boolean") => Scalar::Boolean,
            _ => return Err(unknown("parameters are strings, integers, numbers or booleans")),
        };
        Ok(Self {
            location,
            field: format!("{}.{name}", location.word()),
            required: value["required"] == true,
            scalar,
            schema: schemas.compile(&place.join("schema"), &format!("parameter {name}"))?,
            name,
        })
    }

    fn check(&self, given: &[Option<String>], wrong: &mut Vec<FieldProblem>) {
        match given {
            [] if self.required => wrong.push(super::field(&self.field, "is required")),
            [] => {}
            [Some(text)] => {
                wrong.extend(fields::parameter_problems(&self.schema, &self.field, &self.scalar.read(text)));
            }
            [None] => wrong.push(super::field(&self.field, "must be visible ASCII")),
            _ => wrong.push(super::field(&self.field, "may be given once")),
        }
    }
}

impl Scalar {
    /// The text as JSON; what does not fit stays text, and the schema says what was expected.
    fn read(self, text: &str) -> Value {
        let read = match self {
            Self::Text => None,
            Self::Integer => text.parse::<i64>().ok().map(Value::from),
            Self::Number => text.parse::<f64>().ok().map(Value::from),
            Self::Boolean => text.parse::<bool>().ok().map(Value::from),
        };
        read.unwrap_or_else(|| Value::from(text))
    }
}

/// The media types at `place`'s `content`.
fn media(document: &Document, schemas: &Schemas, place: &Place, what: &str) -> Result<Media, DocumentProblem> {
    let mut media = Media::new();
    let (_, value) = document.resolve(place.clone())?;
    for name in value["content"].as_object().into_iter().flat_map(|content| content.keys()) {
        let is_json = name == "application/json" || name.ends_with("+json");
        let schema = place.join("content").join(name).join("schema");
        media.insert(name.clone(), if is_json { Some(schemas.compile(&schema, what)?) } else { None });
    }
    Ok(media)
}
