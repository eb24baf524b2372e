//! What of an object counts and is shown: what it says, and how that differs from before.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use similar::TextDiff;

use super::Unchangeable;
use crate::let_in::digest;

/// Annotations in which clients repeat the whole object, and controllers count. Nobody is shown them, so agents write none.
pub(in crate::environment) const COUNTED: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"];
/// Bytes of a difference: all of it is shown, or nobody is asked.
const MOST_DIFFERENCE: usize = 15_000;

/// An object as it was when an agent asked: which one, and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Another object of the same name has another one.
    pub uid: String,
    /// SHA-256 of what it says, hex. Its state is no part of that: it moves all the time.
    pub says: String,
}

impl Seen {
    /// What is to be seen of an object.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        Self { uid, says: digest(&said(object.clone()).to_string()) }
    }
}

/// The version that an object was read in.
#[must_use]
pub fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap_or_default()
}

/// What an object says, without its state, its versions, and what only machines read.
#[must_use]
pub fn said(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "namespace"] {
            metadata.remove(key);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !COUNTED.contains(&key.as_str()));
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    object
}

/// What becomes of an object, as people read it: a unified difference of what it says before and after.
///
/// # Errors
/// When it is too long to be shown.
pub fn difference(before: Option<&Value>, after: Option<&Value>) -> Result<String, Unchangeable> {
    let written = |object: Option<&Value>| match object {
        None => Ok(String::new()),
        Some(object) => {
            serde_saphyr::to_string(&said(object.clone())).map_err(|error| Unchangeable::NotRead(error.to_string()))
        }
    };
    let (before, after) = (written(before)?, written(after)?);
    let text = TextDiff::from_lines(&before, &after).unified_diff().context_radius(3).to_string();
    if text.len() > MOST_DIFFERENCE { Err(Unchangeable::TooMuch) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(version: &str, image: &str, ready: i32) -> Value {
        json!({
            "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": "n", "uid": "u-1", "resourceVersion": version, "generation": 3,
                "managedFields": [], "annotations": { "deployment.kubernetes.io/revision": version },
            },
            "spec": { "image": image, "motd": "one\ntwo\n" },
            "status": { "readyReplicas": ready },
        })
    }

    #[test]
    fn an_object_is_the_same_while_it_says_the_same() {
        let seen = Seen::of(&deployment("7", "a", 0));
        assert_eq!(seen, Seen::of(&deployment("8", "a", 1)), "only its state has moved");
        assert_ne!(seen, Seen::of(&deployment("7", "b", 0)));
        let mut another = deployment("7", "a", 0);
        another["metadata"]["uid"] = json!("u-2");
        assert_ne!(seen, Seen::of(&another));
    }

    #[test]
    fn a_difference_shows_what_becomes_of_an_object() {
        let (before, after) = (deployment("7", "a", 0), deployment("8", "b", 1));
        let changed = difference(Some(&before), Some(&after)).unwrap();
        assert!(changed.contains("-  image: a\n+  image: b\n"), "{changed}");
        assert!(!changed.contains("readyReplicas") && !changed.contains("resourceVersion"), "{changed}");
        assert_eq!(difference(Some(&before), Some(&before)).unwrap(), "");
        let gone = difference(Some(&before), None).unwrap();
        assert!(gone.lines().skip(2).all(|line| line.starts_with('-') || line.starts_with('@')), "{gone}");
        let long = json!({ "data": { "page": "x\n".repeat(MOST_DIFFERENCE) } });
        assert_eq!(difference(None, Some(&long)), Err(Unchangeable::TooMuch));
    }
}
