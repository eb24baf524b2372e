//! Objects that stories, workers and the accounts of changes put there: names are taken once, what is written over has to
//! be as it was read, and what an account only tries is answered and not kept.

use std::collections::BTreeMap;

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, refused};

/// What is said of a name that is taken.
pub(super) const EXISTS: &str = "already exists";

/// By where they lie: `namespace/plural/name`, or the name of a namespace.
#[derive(Default)]
pub(super) struct Objects {
    all: BTreeMap<String, Value>,
    writes: u64,
}

/// Where the object of a path lies.
pub(super) fn place_of(path: &str) -> &str {
    path.split_once("/namespaces/").map_or(path, |(_, place)| place)
}

impl Objects {
    pub(super) fn get(&self, place: &str) -> Option<&Value> {
        self.all.get(place)
    }

    /// Puts an object there in a version that was never there; answers it as it is kept.
    pub(super) fn put(&mut self, place: &str, mut object: Value) -> Value {
        self.writes += 1;
        object["metadata"]["resourceVersion"] = json!(self.writes.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("{place}-{}", self.writes));
        }
        self.all.insert(place.to_owned(), object.clone());
        object
    }

    pub(super) fn take(&mut self, place: &str) {
        self.all.remove(place);
    }

    /// What a worker asks as itself: environments and what stands in them, and accounts with their rights.
    pub(super) fn by_worker(&mut self, method: &Method, path: &str, body: Value) -> Answer {
        let place = place_of(path);
        match *method {
            Method::GET if path == "/version" => (StatusCode::OK, version()),
            Method::GET if is_list(path) => {
                (StatusCode::OK, json!({ "metadata": { "resourceVersion": "1" }, "items": [] }))
            }
            Method::GET => match self.get(place) {
                Some(object) => (StatusCode::OK, object.clone()),
                None => refused(404, "not found"),
            },
            Method::POST if is_environments(&body) || path.ends_with("/rolebindings") => {
                let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap_or_default());
                let place = place_of(&path);
                if self.all.contains_key(place) {
                    refused(409, EXISTS)
                } else {
                    (StatusCode::OK, self.put(place, body))
                }
            }
            Method::PATCH => (StatusCode::OK, self.put(place, body)),
            Method::PUT => match self.get(place) {
                Some(there) if version_of(there) == version_of(&body) => (StatusCode::OK, self.put(place, body)),
                Some(_) => refused(409, "the object has been modified"),
                None => refused(404, "not found"),
            },
            _ => refused(403, "nowhere"),
        }
    }

    /// What the account that only tries, or the one that does, asks of an object.
    pub(super) fn by_account(&mut self, only_tries: bool, request: &Parts, place: &str, body: &Value) -> Answer {
        let in_query = request.uri.query().is_some_and(|query| query.contains("dryRun=All"));
        let tries = in_query || body["dryRun"].is_array();
        let there = self.get(place).cloned();
        match (request.method.clone(), there) {
            (Method::GET, Some(object)) => (StatusCode::OK, object),
            (Method::PATCH | Method::DELETE, _) if only_tries && !tries => {
                refused(403, "ValidatingAdmissionPolicy 'codex-k8s-run-changes' denied request: it only tries")
            }
            (Method::PATCH, there) => self.patched(tries, place, there, body),
            (Method::DELETE, Some(object)) if object["metadata"]["uid"] == body["preconditions"]["uid"] => {
                if !tries {
                    self.take(place);
                }
                (StatusCode::OK, object)
            }
            (Method::DELETE, Some(_)) => refused(409, "Precondition failed: UID in precondition is another"),
            _ => refused(404, "not found"),
        }
    }

    fn patched(&mut self, tries: bool, place: &str, there: Option<Value>, body: &Value) -> Answer {
        let (quoted, newest) = (version_of(body), there.as_ref().map_or(&Value::Null, version_of));
        if !quoted.is_null() && quoted != newest {
            return refused(409, "Operation cannot be fulfilled on it: the object has been modified");
        }
        let before = there.unwrap_or_else(|| json!({ "metadata": {} }));
        let mut after = before.clone();
        merge(&mut after, body);
        if tries || after == before { (StatusCode::OK, after) } else { (StatusCode::OK, self.put(place, after)) }
    }
}

fn version_of(object: &Value) -> &Value {
    &object["metadata"]["resourceVersion"]
}

fn is_environments(object: &Value) -> bool {
    object["metadata"]["labels"]["codex-k8s.dev/purpose"] == "environment"
}

fn merge(into: &mut Value, from: &Value) {
    match (into.as_object_mut(), from.as_object()) {
        (Some(into), Some(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        _ => *into = from.clone(),
    }
}

/// Whether a path names all objects of a kind.
fn is_list(path: &str) -> bool {
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let after = if parts[0] == "api" { 2 } else { 3 };
    match parts.get(after..) {
        Some(["namespaces", _, rest @ ..]) => rest.len() == 1,
        Some(rest) => rest.len() == 1,
        None => false,
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
        "goVersion": "", "compiler": "", "platform": "",
    })
}
