//! The documents of `openapi/`, compiled in, and how references inside and between them are followed.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

/// File names and texts of all documents; a reference may lead from any of them to any other.
const FILES: [(&str, &str); 4] = [
    ("gateway.yaml", include_str!("../../../openapi/gateway.yaml")),
    ("agent.yaml", include_str!("../../../openapi/agent.yaml")),
    ("internal.yaml", include_str!("../../../openapi/internal.yaml")),
    ("integrations.yaml", include_str!("../../../openapi/integrations.yaml")),
];

/// Where references between documents are rooted. Nothing is ever fetched from there.
const BASE: &str = "https://codex-k8s.invalid/openapi/";

const METHODS: [Method; 7] =
    [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS, Method::HEAD, Method::PATCH];

/// Why a document cannot be used. A mistake in the repository, never of a caller.
#[derive(Debug, thiserror::Error)]
pub enum DocumentProblem {
    /// Not YAML.
    #[error("cannot read openapi/{file}: {reason}")]
    Yaml {
        /// Which document.
        file: String,
        /// What the parser says.
        reason: String,
    },
    /// A reference that leads nowhere, or the same place again and again.
    #[error("openapi/{file}: nothing is found at `{reference}`")]
    Dangling {
        /// The document that holds the reference.
        file: String,
        /// The reference.
        reference: String,
    },
    /// A schema that the validator cannot compile.
    #[error("openapi/{file}: cannot compile the schema of {place}: {reason}")]
    Schema {
        /// Which document.
        file: String,
        /// Operation and part.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A place in one of the documents: file name and JSON pointer.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) pointer: String,
}

impl Place {
    pub(crate) fn join(&self, key: &str) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self { file: self.file.clone(), pointer: format!("{}/{key}", self.pointer) }
    }

    /// The place as an absolute reference that a JSON schema may use.
    pub(crate) fn reference(&self) -> String {
        let mut fragment = String::new();
        for byte in self.pointer.bytes() {
            // RFC 3986 allows these in a fragment; braces of path templates are not among them.
            if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
                fragment.push(char::from(byte));
            } else {
                fragment.push_str(&format!("%{byte:02X}"));
            }
        }
        format!("{BASE}{}#{fragment}", self.file)
    }
}

/// One of the documents, with the others at hand for its references.
#[derive(Clone, Debug)]
pub struct Document {
    file: String,
    all: Arc<BTreeMap<String, Value>>,
}

/// One operation of a document, as it stands there.
pub(crate) struct Declared<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: Method,
    pub(crate) place: Place,
    pub(crate) value: &'a Value,
}

impl Document {
    /// `openapi/gateway.yaml`: webhooks, sign-in, staff API.
    ///
    /// # Errors
    /// [`DocumentProblem`] when the compiled-in text is not what it should be.
    pub fn gateway() -> Result<Self, DocumentProblem> {
        Self::load("gateway.yaml")
    }

    /// `openapi/agent.yaml`: the run API.
    ///
    /// # Errors
    /// [`DocumentProblem`] when the compiled-in text is not what it should be.
    pub fn agent() -> Result<Self, DocumentProblem> {
        Self::load("agent.yaml")
    }

    /// `openapi/internal.yaml`: gateway to control-plane.
    ///
    /// # Errors
    /// [`DocumentProblem`] when the compiled-in text is not what it should be.
    pub fn internal() -> Result<Self, DocumentProblem> {
        Self::load("internal.yaml")
    }

    /// `openapi/integrations.yaml`: what services of others tell the platform.
    ///
    /// # Errors
    /// [`DocumentProblem`] when the compiled-in text is not what it should be.
    pub fn integrations() -> Result<Self, DocumentProblem> {
        Self::load("integrations.yaml")
    }

    fn load(file: &str) -> Result<Self, DocumentProblem> {
        let mut all = BTreeMap::new();
        for (name, text) in FILES {
            all.insert(name.to_owned(), parse(name, text)?);
        }
        Ok(Self { file: file.to_owned(), all: Arc::new(all) })
    }

    /// A document made of texts, for tests: the first is the document, the others can be referred to.
    #[cfg(test)]
    pub(crate) fn of(texts: &[(&str, &str)]) -> Self {
        let all = texts.iter().map(|(file, text)| ((*file).to_owned(), parse(file, text).unwrap())).collect();
        Self { file: texts[0].0.to_owned(), all: Arc::new(all) }
    }

    /// The document's file name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Paths with the methods that each has, for registering routes: `("/api/v1/staff/me", [GET])`. Only operations that
    /// carry `tag`.
    #[must_use]
    pub fn routes(&self, tag: &str) -> BTreeMap<String, Vec<Method>> {
        let mut routes: BTreeMap<String, Vec<Method>> = BTreeMap::new();
        for operation in self.operations().filter(|operation| has_tag(operation.value, tag)) {
            routes.entry(operation.path.to_owned()).or_default().push(operation.method);
        }
        routes
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = Declared<'_>> {
        let root = Place { file: self.file.clone(), pointer: "/paths".to_owned() };
        let paths = self.all.get(&self.file).and_then(|root| root["paths"].as_object());
        paths.into_iter().flatten().flat_map(move |(path, item)| {
            let place = root.join(path);
            METHODS.iter().filter_map(move |method| {
                let key = method.as_str().to_ascii_lowercase();
                let value = item.get(&key)?;
                Some(Declared { path, method: method.clone(), place: place.join(&key), value })
            })
        })
    }

    /// Follows references until there is none; answers what is there and where that is.
    pub(crate) fn resolve(&self, place: Place) -> Result<(Place, &Value), DocumentProblem> {
        let mut at = place;
        // More hops than this is a circle.
        for _ in 0..16 {
            let value = self.all.get(&at.file).and_then(|root| root.pointer(&at.pointer));
            let value = value.ok_or_else(|| dangling(&at.file, &at.pointer))?;
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok((at, value)) };
            let (file, pointer) = reference.split_once('#').ok_or_else(|| dangling(&at.file, reference))?;
            let file = if file.is_empty() { at.file.clone() } else { file.to_owned() };
            at = Place { file, pointer: pointer.to_owned() };
        }
        Err(dangling(&at.file, &at.pointer))
    }

    /// Compiles schemas of this document.
    pub(crate) fn schemas(&self) -> Result<Schemas, DocumentProblem> {
        let problem = |reason: String| DocumentProblem::Schema {
            file: self.file.clone(),
            place: "the whole document".to_owned(),
            reason,
        };
        let mut registry = jsonschema::Registry::new();
        for (file, root) in self.all.iter() {
            registry = registry.add(format!("{BASE}{file}"), root.clone()).map_err(|e| problem(e.to_string()))?;
        }
        Ok(Schemas { registry: registry.prepare().map_err(|e| problem(e.to_string()))? })
    }
}

/// All documents, ready for compiling single schemas out of them.
pub(crate) struct Schemas {
    registry: jsonschema::Registry<'static>,
}

impl Schemas {
    pub(crate) fn compile(&self, place: &Place, what: &str) -> Result<jsonschema::Validator, DocumentProblem> {
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .offline()
            .with_registry(&self.registry)
            .should_validate_formats(true)
            // Linear time whatever the input.
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&json!({ "$ref": place.reference() }))
            .map_err(|error| DocumentProblem::Schema {
                file: place.file.clone(),
                place: what.to_owned(),
                reason: error.to_string(),
            })
    }
}

pub(crate) fn has_tag(operation: &Value, tag: &str) -> bool {
    operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|found| found == tag))
}

fn dangling(file: &str, reference: &str) -> DocumentProblem {
    DocumentProblem::Dangling { file: file.to_owned(), reference: reference.to_owned() }
}

fn parse(file: &str, text: &str) -> Result<Value, DocumentProblem> {
    let mut root: Value = serde_saphyr::from_str(text)
        .map_err(|error| DocumentProblem::Yaml { file: file.to_owned(), reason: error.to_string() })?;
    bound_integers(&mut root);
    Ok(root)
}

/// OpenAPI's integer formats mean ranges, which JSON schema does not know: they are written as bounds.
fn bound_integers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        Value::Object(members) => {
            if members.get("type").is_some_and(|kind| kind == "integer") {
                let (least, greatest) = match members.get("format").and_then(Value::as_str) {
                    Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
                    _ => (i64::MIN, i64::MAX),
                };
                members.remove("format");
                members.entry("minimum").or_insert_with(|| least.into());
                members.entry("maximum").or_insert_with(|| greatest.into());
            }
            members.values_mut().for_each(bound_integers);
        }
        _ => {}
    }
}
