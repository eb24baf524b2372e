//! Objects that stories put into namespaces and accounts change there: as much of an API server as the changes of agents
//! need. What an account only tries is answered and not kept; a version or a UID that is quoted has to be the newest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, refused};

/// Where an object lies, `namespace/plural/name`, and the object.
#[derive(Clone, Default)]
pub(super) struct Objects(Arc<Mutex<BTreeMap<String, Value>>>);

impl Objects {
    pub(super) fn get(&self, place: &str) -> Option<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    /// Puts an object there in a version that was never there; answers it as it is kept.
    pub(super) fn put(&self, place: &str, mut object: Value) -> Value {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let older =
            all.get(place).and_then(|object| object["metadata"]["resourceVersion"].as_str()?.parse::<u32>().ok());
        let version = older.unwrap_or(0) + 1;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("{place}-{version}"));
        }
        all.insert(place.to_owned(), object.clone());
        object
    }

    pub(super) fn take(&self, place: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }

    /// What the account that only tries, or the one that does, asks of an object.
    pub(super) fn asked(&self, only_tries: bool, request: &Parts, place: &str, body: &Value) -> Answer {
        let in_query = request.uri.query().is_some_and(|query| query.contains("dryRun=All"));
        let tries = in_query || body["dryRun"].is_array();
        let there = self.get(place);
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

    fn patched(&self, tries: bool, place: &str, there: Option<Value>, body: &Value) -> Answer {
        let quoted = &body["metadata"]["resourceVersion"];
        let newest = there.as_ref().map_or(&Value::Null, |object| &object["metadata"]["resourceVersion"]);
        if !quoted.is_null() && quoted != newest {
            return refused(409, "Operation cannot be fulfilled on it: the object has been modified");
        }
        let before = there.unwrap_or_else(|| json!({ "metadata": {} }));
        let mut after = before.clone();
        merge(&mut after, body);
        if tries || after == before { (StatusCode::OK, after) } else { (StatusCode::OK, self.put(place, after)) }
    }
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
